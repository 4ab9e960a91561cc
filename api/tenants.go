package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// TenantAdmin manages tenants while the service runs. What does not fit is directory.ErrConflict, an
// unknown tenant directory.ErrNotFound, and settings that are not right are one
// *directory.InvalidError. Each act is recorded with what it does.
type TenantAdmin interface {
	// Listings returns all tenants in order of slug, those that are being erased or that
	// nobody configures any more included.
	Listings(ctx context.Context) ([]directory.TenantListing, error)
	Detail(ctx context.Context, tenant string) (directory.TenantDetail, error)
	// Add makes a tenant of settings in JSON, paused if pause is given.
	Add(ctx context.Context, tenant string, settings []byte, pause *directory.TenantPause, act directory.Act) error
	// Change puts a JSON merge patch on top of a tenant's settings.
	Change(ctx context.Context, tenant string, patch []byte, act directory.Act) error
	Pause(ctx context.Context, act directory.Act) error
	Resume(ctx context.Context, act directory.Act) error
	// Remove has everything of the tenant erased.
	Remove(ctx context.Context, act directory.Act) error
	// Test checks a tenant's set-up with the credentials that are in use. It takes seconds.
	Test(ctx context.Context, tenant string) ([]directory.Finding, error)
	// DropSettings forgets stored settings that the configuration file overrules.
	DropSettings(ctx context.Context, act directory.Act) error
}

// maxSettings is the largest request that holds a tenant's settings, in bytes.
const maxSettings = 1 << 20

type addTenantInput struct{ Body v1.TenantRequest }

type changeTenantInput struct {
	TenantPath
	Body v1.TenantChange
}

type pauseTenantInput struct {
	TenantPath
	Body v1.TenantReason
}

type removeTenantInput struct {
	TenantPath
	Body v1.TenantRemoval
}

type tenantOutput struct {
	Location string `header:"Location" doc:"Where the tenant is"`
	Body     v1.TenantDetail
}

func (s *Server) addTenants(to huma.API) {
	tags, conflict := []string{"tenants"}, []int{http.StatusConflict}
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-tenants", Method: http.MethodGet, Path: "/tenants", Tags: tags,
		Summary: "List tenants with their health",
	}, s.listTenants)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "get-tenant", Method: http.MethodGet, Path: "/tenants/{tenant}", Tags: tags,
		Summary: "Show one tenant's health and its settings without secrets",
	}, s.getTenant)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "add-tenant", Method: http.MethodPost, Path: "/tenants", Tags: tags,
		Summary: "Add a tenant; every process follows within seconds", DefaultStatus: http.StatusCreated,
		Errors: conflict, MaxBodyBytes: maxSettings,
	}, s.addTenant)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "change-tenant", Method: http.MethodPatch, Path: "/tenants/{tenant}", Tags: tags,
		Summary: "Change a tenant's settings or credentials", Errors: conflict, MaxBodyBytes: maxSettings,
	}, s.changeTenant)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "remove-tenant", Method: http.MethodDelete, Path: "/tenants/{tenant}", Tags: tags,
		Summary:     "Remove a tenant: cancel its runs and erase everything of it",
		Description: "Answers at once; the rows are deleted in the background. There is no way back.", DefaultStatus: http.StatusAccepted, Errors: conflict,
	}, s.removeTenant)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "pause-tenant", Method: http.MethodPost, Path: "/tenants/{tenant}/pause", Tags: tags,
		Summary: "Let a tenant's work rest; its events are kept",
	}, s.pauseTenant)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "resume-tenant", Method: http.MethodPost, Path: "/tenants/{tenant}/resume", Tags: tags,
		Summary: "Let a paused tenant's work go on, beginning with what waits",
	}, s.resumeTenant)
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "test-tenant", Method: http.MethodPost, Path: "/tenants/{tenant}/test", Tags: tags,
		Summary: "Check what a tenant needs: reading Okta, the event hook, the System Log; nothing is changed", Errors: conflict,
	}, s.testTenant)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "drop-tenant-settings", Method: http.MethodDelete, Path: "/tenants/{tenant}/settings", Tags: tags,
		Summary: "Forget the stored settings of a tenant that stands in the configuration file as well", Errors: conflict,
	}, s.dropSettings)
}

func (s *Server) listTenants(ctx context.Context, in *PageQuery) (*pageOut[v1.Tenant], error) {
	all, err := s.admin.Listings(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(l directory.TenantListing) bool { return l.Tenant <= in.After })
	all = all[:min(in.Limit+1, len(all))]
	slugs := make([]string, len(all))
	for i, l := range all {
		slugs[i] = l.Tenant
	}
	states, err := s.reader.TenantStates(ctx, slugs)
	if err != nil {
		return nil, err
	}
	health := make(map[string]directory.TenantState, len(states))
	for _, state := range states {
		health[state.Tenant] = state
	}
	return page(all, in.Limit, func(l directory.TenantListing) v1.Tenant { return tenantOf(l, health[l.Tenant]) },
		func(l directory.TenantListing) string { return l.Tenant }), nil
}

func (s *Server) getTenant(ctx context.Context, in *TenantPath) (*body[v1.TenantDetail], error) {
	detail, err := s.tenantDetail(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	return &body[v1.TenantDetail]{detail}, nil
}

func (s *Server) tenantDetail(ctx context.Context, tenant string) (v1.TenantDetail, error) {
	detail, err := s.admin.Detail(ctx, tenant)
	if err != nil {
		return v1.TenantDetail{}, noTenant(err, tenant)
	}
	states, err := s.reader.TenantStates(ctx, []string{tenant})
	if err != nil {
		return v1.TenantDetail{}, err
	}
	if len(states) == 0 {
		return v1.TenantDetail{}, noTenant(directory.ErrNotFound, tenant)
	}
	answer := v1.TenantDetail{Tenant: tenantOf(detail.TenantListing, states[0]), Secrets: detail.Secrets}
	if len(detail.Settings) > 0 {
		if err := json.Unmarshal(detail.Settings, &answer.Settings); err != nil {
			return v1.TenantDetail{}, fmt.Errorf("read the stored settings of tenant %s: %w", tenant, err)
		}
	}
	return answer, nil
}

func (s *Server) addTenant(ctx context.Context, in *addTenantInput) (*tenantOutput, error) {
	settings, err := json.Marshal(in.Body.Settings)
	if err != nil {
		return nil, fmt.Errorf("write the settings of a new tenant: %w", err)
	}
	act := tenantAct(ctx, directory.ActTenantAdd, in.Body.Tenant, in.Body.Paused)
	var pause *directory.TenantPause
	if in.Body.Paused != "" {
		pause = &directory.TenantPause{By: act.Actor, Reason: in.Body.Paused}
	}
	if err := s.admin.Add(ctx, in.Body.Tenant, settings, pause, act); err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "tenant added", "tenant", in.Body.Tenant, "by", act.Actor, "paused", pause != nil)
	detail, err := s.tenantDetail(ctx, in.Body.Tenant)
	return &tenantOutput{Location: Path + "/tenants/" + in.Body.Tenant, Body: detail}, err
}

func (s *Server) changeTenant(ctx context.Context, in *changeTenantInput) (*body[v1.TenantDetail], error) {
	patch, err := json.Marshal(in.Body.Settings)
	if err != nil {
		return nil, fmt.Errorf("write the new settings of tenant %s: %w", in.Tenant, err)
	}
	act := tenantAct(ctx, directory.ActTenantChange, in.Tenant, "")
	if err := s.admin.Change(ctx, in.Tenant, patch, act); err != nil {
		return nil, noTenant(err, in.Tenant)
	}
	s.log.InfoContext(ctx, "tenant changed", "tenant", in.Tenant, "by", act.Actor)
	return s.getTenant(ctx, &in.TenantPath)
}

func (s *Server) pauseTenant(ctx context.Context, in *pauseTenantInput) (*body[v1.TenantDetail], error) {
	act := tenantAct(ctx, directory.ActTenantPause, in.Tenant, in.Body.Reason)
	if err := s.admin.Pause(ctx, act); err != nil {
		return nil, noTenant(err, in.Tenant)
	}
	s.log.InfoContext(ctx, "tenant paused", "tenant", in.Tenant, "by", act.Actor)
	return s.getTenant(ctx, &in.TenantPath)
}

func (s *Server) resumeTenant(ctx context.Context, in *TenantPath) (*body[v1.TenantDetail], error) {
	act := tenantAct(ctx, directory.ActTenantResume, in.Tenant, "")
	if err := s.admin.Resume(ctx, act); err != nil {
		return nil, noTenant(err, in.Tenant)
	}
	s.log.InfoContext(ctx, "tenant resumed", "tenant", in.Tenant, "by", act.Actor)
	return s.getTenant(ctx, in)
}

func (s *Server) removeTenant(ctx context.Context, in *removeTenantInput) (*body[v1.TenantDetail], error) {
	if in.Body.Confirm != in.Tenant {
		return nil, huma.Error422UnprocessableEntity("removing a tenant erases everything of it: confirm is the slug of the tenant in the address, once more")
	}
	act := tenantAct(ctx, directory.ActTenantRemove, in.Tenant, in.Body.Reason)
	if err := s.admin.Remove(ctx, act); err != nil {
		return nil, noTenant(err, in.Tenant)
	}
	s.log.WarnContext(ctx, "tenant removed; its rows are being erased", "tenant", in.Tenant, "by", act.Actor)
	return s.getTenant(ctx, &in.TenantPath)
}

func (s *Server) dropSettings(ctx context.Context, in *TenantPath) (*body[v1.TenantDetail], error) {
	act := tenantAct(ctx, directory.ActTenantChange, in.Tenant, "dropped the stored settings; those of the file count")
	if err := s.admin.DropSettings(ctx, act); err != nil {
		return nil, noTenant(err, in.Tenant)
	}
	s.log.InfoContext(ctx, "stored settings of a tenant dropped; those of the file count", "tenant", in.Tenant, "by", act.Actor)
	return s.getTenant(ctx, in)
}

// testPatience is how long a test may take: a little less than answers may (server.write_timeout).
const testPatience = 25 * time.Second

func (s *Server) testTenant(ctx context.Context, in *TenantPath) (*body[v1.TenantTest], error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), testPatience)
	defer cancel()
	findings, err := s.admin.Test(ctx, in.Tenant)
	if err != nil {
		return nil, noTenant(err, in.Tenant)
	}
	answer := v1.TenantTest{OK: true}
	for _, name := range directory.FindingParts() {
		part := v1.TestPart{Part: string(name), Result: "not checked", Findings: []v1.Finding{}}
		for _, f := range findings {
			if f.Part != name {
				continue
			}
			part.Findings = append(part.Findings, v1.Finding{Level: strings.ToLower(string(f.Level)), What: f.What, Says: f.Says})
			if f.Level == directory.FindingFail {
				part.Result = "fail"
			} else if part.Result != "fail" {
				part.Result = "ok"
			}
		}
		answer.OK = answer.OK && part.Result == "ok"
		answer.Parts = append(answer.Parts, part)
	}
	return &body[v1.TenantTest]{answer}, nil
}

// tenantAct is an act about a tenant as a whole.
func tenantAct(ctx context.Context, kind directory.ActKind, tenant, reason string) directory.Act {
	who := callerOf(ctx)
	return directory.Act{Tenant: tenant, Actor: who.name, Role: who.role, Kind: kind, Reason: reason}
}

func noTenant(err error, tenant string) error {
	return notFoundAs(err, fmt.Sprintf("there is no tenant %q; the list is at %s/tenants", tenant, Path))
}

// known fails with directory.ErrNotFound for a tenant that is not configured.
func (s *Server) known(tenant string) error {
	if slices.Contains(s.tenants(), tenant) {
		return nil
	}
	return noTenant(directory.ErrNotFound, tenant)
}
