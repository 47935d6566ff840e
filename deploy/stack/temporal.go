package stack

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"text/template"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

//go:embed temporal.yaml.tmpl
var temporalTemplate string

//go:embed temporal-dynamic.yaml
var temporalDynamic []byte

//go:embed temporal-ui.yaml.tmpl
var temporalUITemplate string

func (s *Stack) temporal() service {
	p := s.ports
	return service{
		part:  Temporal,
		needs: []Part{Postgres},
		url:   address(p.Frontend),
		ports: []int{
			p.Frontend, p.FrontendHTTP, p.History, p.Matching, p.Internal,
			p.FrontendMember, p.HistoryMember, p.MatchingMember, p.InternalMember, p.TemporalMetrics,
		},
		command:  s.temporalCommand,
		prepare:  s.temporalSchemas,
		ready:    s.temporalReady,
		patience: time.Minute,
		ask:      syscall.SIGTERM,
		grace:    30 * time.Second,
	}
}

func (s *Stack) temporalCommand(ctx context.Context) (command, error) {
	path, err := s.tools.path(ctx, Temporal, "temporal-server")
	if err != nil {
		return command{}, err
	}
	config, dynamic := s.dataPath("temporal", "config.yaml"), s.dataPath("temporal", "dynamic.yaml")
	content, err := fill(temporalTemplate, map[string]any{
		"Ports": s.ports, "Host": loopback, "Dynamic": dynamic, "Password": s.secrets["TEMPORAL_PASSWORD"],
	})
	if err != nil {
		return command{}, err
	}
	return command{
		path:  path,
		args:  []string{"--config-file", config, "--allow-no-auth", "start"},
		files: map[string][]byte{config: content, dynamic: temporalDynamic},
	}, nil
}

func fill(text string, values map[string]any) ([]byte, error) {
	parsed, err := template.New("config").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read configuration template: %w", err)
	}
	var filled bytes.Buffer
	if err := parsed.Execute(&filled, values); err != nil {
		return nil, fmt.Errorf("fill configuration template: %w", err)
	}
	return filled.Bytes(), nil
}

// temporalSchemas brings both of Temporal's databases to the schema of this version; on one that is there it changes
// nothing.
func (s *Stack) temporalSchemas(ctx context.Context) error {
	path, err := s.tools.path(ctx, Temporal, "temporal-sql-tool")
	if err != nil {
		return err
	}
	s.progress.say(Temporal, "bringing its schemas up to date")
	var both errgroup.Group
	for database, schema := range map[string]string{
		"temporal":            "postgresql/v12/temporal",
		"temporal_visibility": "postgresql/v12/visibility",
	} {
		both.Go(func() error {
			steps := [][]string{{"setup-schema", "-v", "0.0"}, {"update-schema", "--schema-name", schema}}
			for _, step := range steps {
				cmd := exec.CommandContext(ctx, path, step...)
				cmd.Env = append(baseEnviron(),
					"SQL_PLUGIN=postgres12_pgx", "SQL_HOST="+loopback, "SQL_PORT="+strconv.Itoa(s.ports.Postgres),
					"SQL_USER=temporal", "SQL_PASSWORD="+s.secrets["TEMPORAL_PASSWORD"], "SQL_DATABASE="+database)
				if err := runLogged(cmd, filepath.Join(s.logDir(), "schema-"+database+".log")); err != nil {
					return fmt.Errorf("%s of database %s: %w", step[0], database, err)
				}
			}
			return nil
		})
	}
	return both.Wait()
}

// temporalReady asks the frontend for a case that does not exist: "not found" is the answer of the history service, and
// comes once it owns its shards. (History's own health says so only after a fixed wait of 5 seconds.)
func (s *Stack) temporalReady(ctx context.Context) error {
	const prefix = "temporal.api.workflowservice.v1."
	if err := errors.Join(
		serves(ctx, address(s.ports.Frontend), prefix+"WorkflowService"),
		serves(ctx, address(s.ports.Matching), prefix+"MatchingService"),
	); err != nil {
		return err
	}
	return withConn(address(s.ports.Frontend), func(conn *grpc.ClientConn) error {
		_, err := workflowservice.NewWorkflowServiceClient(conn).DescribeWorkflowExecution(ctx,
			&workflowservice.DescribeWorkflowExecutionRequest{
				Namespace: "temporal-system",
				Execution: &common.WorkflowExecution{WorkflowId: "no-such-workflow"},
			})
		if status.Code(err) == codes.NotFound {
			return nil
		}
		return fmt.Errorf("ask for a case: %w", err)
	})
}

func (s *Stack) ui() service {
	return service{
		part:     UI,
		needs:    []Part{Temporal},
		url:      webAddress(s.ports.UI),
		ports:    []int{s.ports.UI},
		command:  s.uiCommand,
		ready:    answersHTTP(webAddress(s.ports.UI) + "/healthz"),
		patience: 30 * time.Second,
		ask:      syscall.SIGTERM,
		grace:    10 * time.Second,
	}
}

func (s *Stack) uiCommand(ctx context.Context) (command, error) {
	path, err := s.tools.path(ctx, UI, "temporal-ui")
	if err != nil {
		return command{}, err
	}
	content, err := fill(temporalUITemplate, map[string]any{
		"Host": loopback, "Port": s.ports.UI, "Temporal": address(s.ports.Frontend),
		"URL": webAddress(s.ports.UI), "Namespace": s.Env()["TEMPORAL_NAMESPACE"],
	})
	if err != nil {
		return command{}, err
	}
	return command{
		path:  path,
		args:  []string{"--root", s.dataPath("temporal-ui"), "--config", "config", "--env", "stack", "start"},
		files: map[string][]byte{s.dataPath("temporal-ui", "config", "stack.yaml"): content},
	}, nil
}
