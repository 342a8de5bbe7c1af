using ContainerGrains.Api;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace ContainerGrains.Silo.Api;

/// <summary>What the OpenAPI document says beside what the endpoints tell of themselves.</summary>
internal static class ApiDocument
{
    public static void Configure(OpenApiOptions options)
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "ContainerGrains";
            document.Info.Version = ApiVersion.Current;
            document.Info.Description = "The local API of a ContainerGrains silo, on a Unix socket: /run/containergrains/HOST/api.sock. "
                + "Errors are application/problem+json with a code and a message. Streams are lines of JSON (application/x-ndjson).";
            // Where it is served is the socket's path, which a URL cannot say.
            document.Servers = [];
            return Task.CompletedTask;
        });
        options.AddOperationTransformer(AddErrorsAsync);
    }

    /// <summary>An endpoint that can answer with a stream too.</summary>
    public static async Task AddStreamAsync<TLine>(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        if (operation.Responses?["200"] is OpenApiResponse { Content: { } content })
            content[Ndjson.ContentType] = new OpenApiMediaType { Schema = await ReferenceAsync<TLine>(context, cancellationToken) };
    }

    private static async Task AddErrorsAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken) =>
        (operation.Responses ??= [])["default"] = new OpenApiResponse
        {
            Description = "An error.",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [ApiErrors.ContentType] = new() { Schema = await ReferenceAsync<ApiProblem>(context, cancellationToken) },
            },
        };

    private static async Task<OpenApiSchemaReference> ReferenceAsync<T>(OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        OpenApiDocument document = context.Document!;
        document.AddComponent(typeof(T).Name, await context.GetOrCreateSchemaAsync(typeof(T), null, cancellationToken));
        return new OpenApiSchemaReference(typeof(T).Name, document);
    }
}
