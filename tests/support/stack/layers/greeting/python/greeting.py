WORD = "hello from the layer"
