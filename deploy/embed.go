// Package deploy embeds the files that are part of the product and edited by the people who run it.
package deploy

import _ "embed"

// Policy is policy.yaml, the default of every number and switch.
//
//go:embed policy.yaml
var Policy []byte

// DemoPolicy is policy.demo.yaml: durations in which one can wait for everything.
//
//go:embed policy.demo.yaml
var DemoPolicy []byte
