package compat

var anthropicWays []way
