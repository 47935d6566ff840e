package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"campuscard/workflows/engine"
)

// Retention is how long the history of a closed case can be looked at. What people need longer is in Postgres.
const Retention = 30 * 24 * time.Hour

// PrepareNamespace makes the namespace and its search attributes (K5), and answers when they can be used. It is safe to
// run twice.
func PrepareNamespace(ctx context.Context, temporal client.Client, namespace string) error {
	_, err := temporal.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(Retention),
		Description: "Campus card: every case is a workflow",
	})
	if _, there := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); err != nil && !there {
		return fmt.Errorf("register namespace %s: %w", namespace, err)
	}
	wanted := map[string]enumspb.IndexedValueType{}
	for _, key := range engine.SearchAttributes() {
		wanted[key.GetName()] = key.GetValueType()
	}
	if err := whenKnown(ctx, func() error { return addSearchAttributes(ctx, temporal, namespace, wanted) }); err != nil {
		return err
	}
	return whenKnown(ctx, func() error { return useSearchAttributes(ctx, temporal, namespace, wanted) })
}

// whenKnown does what needs something new of the server's, which is known to all of its services only after a moment.
func whenKnown(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil {
			return nil
		}
		_, unknown := errors.AsType[*serviceerror.NamespaceNotFound](err)
		if !unknown && !errors.Is(err, errUnknownAttribute) && !notYet(err) {
			return err
		}
		if !sleep(ctx, 200*time.Millisecond) {
			return err
		}
	}
}

func addSearchAttributes(ctx context.Context, temporal client.Client, namespace string,
	wanted map[string]enumspb.IndexedValueType) error {
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

var errUnknownAttribute = errors.New("a search attribute is not known yet")

// useSearchAttributes asks for something in which all of them stand.
func useSearchAttributes(ctx context.Context, temporal client.Client, namespace string,
	wanted map[string]enumspb.IndexedValueType) error {
	var conditions []string
	for name := range wanted {
		conditions = append(conditions, name+" is null")
	}
	_, err := temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace, Query: strings.Join(conditions, " and "),
	})
	if _, unknown := errors.AsType[*serviceerror.InvalidArgument](err); unknown {
		return fmt.Errorf("%w: %w", errUnknownAttribute, err)
	}
	return err
}
