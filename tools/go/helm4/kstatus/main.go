// Command kstatus reads a JSON list of objects and writes, in the same order, what tools that wait would say of each:
// Helm, Flux and whoever else asks the library that this program is made of. It is built from Helm's own modules.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kstatus:", err)
		os.Exit(1)
	}
}

func run() error {
	var objects []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		return fmt.Errorf("standard input must be a JSON list: %w", err)
	}
	verdicts := make([]verdict, 0, len(objects))
	for number, raw := range objects {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("object %d: %w", number, err)
		}
		found, err := status.Compute(object)
		if err != nil {
			return fmt.Errorf("object %d: %w", number, err)
		}
		verdicts = append(verdicts, verdict{string(found.Status), found.Message})
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}
