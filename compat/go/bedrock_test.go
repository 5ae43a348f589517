package compat

var bedrockWays []way
