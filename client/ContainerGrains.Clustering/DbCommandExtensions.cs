using System.Data.Common;

namespace ContainerGrains.Clustering;

internal static class DbCommandExtensions
{
    /// <summary>Sets the statement and its parameters (@name), replacing those of the statement before.</summary>
    public static DbCommand Set(this DbCommand command, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        command.CommandText = sql;
        command.Parameters.Clear();
        foreach ((string name, object value) in parameters)
        {
            DbParameter parameter = command.CreateParameter();
            parameter.ParameterName = name;
            parameter.Value = value;
            command.Parameters.Add(parameter);
        }
        return command;
    }
}
