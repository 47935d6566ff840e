package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"campuscard/workflows"
)

// Retention is how long the history of a closed case can be looked at. What people need longer is in Postgres.
const Retention = 30 * 24 * time.Hour

// PrepareNamespace makes the namespace and its search attributes (K5). It is safe to run twice.
func PrepareNamespace(ctx context.Context, temporal client.Client, namespace string) error {
	_, err := temporal.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(Retention),
		Description: "Campus card: every case is a workflow",
	})
	if _, there := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); err != nil && !there {
		return fmt.Errorf("register namespace %s: %w", namespace, err)
	}
	wanted := map[string]enumspb.IndexedValueType{}
	for _, key := range workflows.SearchAttributes() {
		wanted[key.GetName()] = key.GetValueType()
	}
	for { // a new namespace is known to every service of the server only after a moment
		err := addSearchAttributes(ctx, temporal, namespace, wanted)
		if err == nil {
			return nil
		}
		if _, unknown := errors.AsType[*serviceerror.NamespaceNotFound](err); !unknown && !notYet(err) {
			return err
		}
		if !sleep(ctx, 200*time.Millisecond) {
			return err
		}
	}
}

func addSearchAttributes(ctx context.Context, temporal client.Client, namespace string, wanted map[string]enumspb.IndexedValueType) error {
	operator := temporal.OperatorService()
	known, err := operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("list search attributes: %w", err)
	}
	missing := map[string]enumspb.IndexedValueType{}
	for name, kind := range wanted {
		if _, found := known.GetCustomAttributes()[name]; !found {
			missing[name] = kind
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if _, err := operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: missing,
	}); err != nil {
		return fmt.Errorf("add search attributes: %w", err)
	}
	return nil
}
