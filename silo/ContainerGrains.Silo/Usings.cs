global using ContainerGrains.Grains;
