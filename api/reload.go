package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// Reloader loads the configuration anew while the service runs.
type Reloader interface {
	// Reload takes over the tenants of the configuration as it is now. by is the name of the admin token. A
	// configuration with mistakes is one *directory.InvalidError, and all stays as it was.
	Reload(ctx context.Context, by string) (Reloaded, error)
}

// Reloaded is what became of a configuration that was loaded anew.
type Reloaded struct {
	NeedRestart []string // keys of settings that have changed and count only after a restart
	Tenants     []ReloadedTenant
}

// ReloadedTenant says which rules of a tenant stand where after a reload.
type ReloadedTenant struct {
	Tenant string
	directory.RulesState
}

type reloadOutput struct{ Body v1.Reloaded }

func (s *Server) addReload(to huma.API) {
	// The file is in the hands of whoever runs the machine, and changed rules are judged by the guard like any plan.
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "reload-config", Method: http.MethodPost, Path: "/config/reload", Tags: []string{"tenants"},
		Summary: "Load the configuration file anew",
		Description: "The process that answers takes over the tenants of the file as it is now; each further replica has to be asked too, or gets a SIGHUP. " +
			"Changed rules come into force by a run with the cause rule_change: it is planned, judged by the limits, and applied or held. " +
			"A file with mistakes changes nothing.",
		Errors: []int{http.StatusUnprocessableEntity},
	}, s.reload)
}

func (s *Server) reload(ctx context.Context, _ *struct{}) (*reloadOutput, error) {
	by := callerOf(ctx).name
	done, err := s.reloader.Reload(ctx, by)
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "the configuration was reloaded", "by", by, "tenants", len(done.Tenants), "need_restart", done.NeedRestart)
	answer := v1.Reloaded{NeedRestart: append([]string{}, done.NeedRestart...), Tenants: []v1.RulesOf{}}
	for _, t := range done.Tenants {
		answer.Tenants = append(answer.Tenants, v1.RulesOf{Tenant: t.Tenant, InForce: t.InForce, Next: t.Next, Refused: t.Refused})
	}
	return &reloadOutput{Body: answer}, nil
}
