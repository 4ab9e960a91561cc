// Package deploy_test checks the files of this folder, the image and the compose file against
// the code that they start.
package deploy_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
)

type composeFile struct {
	Services map[string]composeService `yaml:"services"`
	Networks map[string]any            `yaml:"networks"`
	Volumes  map[string]any            `yaml:"volumes"`
	Secrets  map[string]struct {
		Environment string `yaml:"environment"`
	} `yaml:"secrets"`
}

type composeService struct {
	Image       string                    `yaml:"image"`
	Command     []string                  `yaml:"command"`
	Environment map[string]any            `yaml:"environment"`
	Secrets     []string                  `yaml:"secrets"`
	Networks    []string                  `yaml:"networks"`
	Volumes     []string                  `yaml:"volumes"`
	Restart     string                    `yaml:"restart"`
	DependsOn   map[string]map[string]any `yaml:"depends_on"`
	Healthcheck map[string]any            `yaml:"healthcheck"`
	Ports       []string                  `yaml:"ports"`
	Logging     map[string]any            `yaml:"logging"`
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func compose(t *testing.T) composeFile {
	t.Helper()
	var file composeFile
	if err := yaml.Unmarshal([]byte(read(t, "../docker-compose.yml")), &file); err != nil {
		t.Fatal(err)
	}
	return file
}

// dotEnv is what a person fills in.
func dotEnv() map[string]string {
	return map[string]string{
		"OKTASYNC_OKTA_URL": "https://acme.okta.com", "OKTASYNC_OKTA_APP_ID": "0oa1appAPPAPPAPPx5d7",
		"OKTA_TOKEN": "00abcdefghijklmnopqrst", "HOOK_SECRET": "f00dcafe00112233445566778899aabb",
		"POSTGRES_PASSWORD": "0123456789abcdef", "REDIS_PASSWORD": "fedcba9876543210",
	}
}

// The settings that the compose file hands over must be ones that the binary accepts.
func TestComposeConfigurationLoads(t *testing.T) {
	t.Parallel()
	file := compose(t)
	variable := regexp.MustCompile(`\$\{([A-Z_]+)(:[?-][^}]*)?\}`)
	for _, name := range []string{"oktasync", "migrate"} {
		service := file.Services[name]
		var environ []string
		for _, key := range slices.Sorted(maps.Keys(service.Environment)) {
			text, given := service.Environment[key].(string)
			if !given {
				text = dotEnv()[key]
			}
			text = variable.ReplaceAllStringFunc(text, func(use string) string { return dotEnv()[variable.FindStringSubmatch(use)[1]] })
			environ = append(environ, key+"="+text)
		}
		c, err := config.Load(config.Options{Environ: environ, ReadFile: func(path string) ([]byte, error) {
			secret, mounted := strings.CutPrefix(path, "/run/secrets/")
			if !mounted || !slices.Contains(service.Secrets, secret) {
				return nil, fs.ErrNotExist
			}
			return []byte(dotEnv()[file.Secrets[secret].Environment]), nil
		}})
		if err != nil {
			t.Fatalf("the configuration of %s is refused:\n%v", name, err)
		}
		if got, want := c.Database.URL.Reveal(), "postgres://oktasync:0123456789abcdef@postgres:5432/oktasync?sslmode=disable"; got != want {
			t.Errorf("%s uses the database %s, want %s", name, got, want)
		}
		if c.Redis.Embedded() || c.Redis.Addresses[0] != "redis:6379" || c.Redis.Password.Reveal() != "fedcba9876543210" {
			t.Errorf("%s does not use the Redis of the compose file: %+v", name, c.Redis)
		}
		if c.Server.Listen != "0.0.0.0:8080" {
			t.Errorf("%s listens on %s, which nothing outside its container reaches", name, c.Server.Listen)
		}
	}
}

func TestComposeFitsTogether(t *testing.T) {
	t.Parallel()
	file := compose(t)
	for name, service := range file.Services {
		for _, secret := range service.Secrets {
			if _, known := file.Secrets[secret]; !known {
				t.Errorf("%s uses the secret %s, which is not declared", name, secret)
			}
		}
		for _, network := range service.Networks {
			if _, known := file.Networks[network]; !known {
				t.Errorf("%s uses the network %s, which is not declared", name, network)
			}
		}
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if _, known := file.Volumes[source]; !known {
				t.Errorf("%s uses the volume %s, which is not declared", name, source)
			}
		}
		for other, how := range service.DependsOn {
			needed, known := file.Services[other]
			if !known {
				t.Errorf("%s waits for %s, which is not there", name, other)
			}
			if how["condition"] == "service_healthy" && needed.Healthcheck["test"] == nil {
				t.Errorf("%s waits for %s to be healthy, which has no check", name, other)
			}
		}
		if service.Logging == nil || service.Restart == "" {
			t.Errorf("%s has no limit for its logs or says nothing about restarts", name)
		}
	}
	for _, name := range []string{"postgres", "redis"} {
		if service := file.Services[name]; len(service.Ports) > 0 || !slices.Equal(service.Networks, []string{"inner"}) {
			t.Errorf("%s can be reached from outside", name)
		}
	}
	redis := strings.Join(file.Services["redis"].Command, " ")
	for _, want := range []string{"--appendonly yes", "--maxmemory-policy noeviction", "requirepass"} {
		if !strings.Contains(redis, want) {
			t.Errorf("Redis is started without %s", want)
		}
	}
	if how := file.Services["oktasync"].DependsOn["migrate"]["condition"]; how != "service_completed_successfully" {
		t.Errorf("the service starts when migrate is %v, want after it", how)
	}
}

// Whatever the compose file asks for stands in the file to copy.
func TestEnvExampleIsComplete(t *testing.T) {
	t.Parallel()
	example := read(t, ".env.example")
	file := compose(t)
	wanted := map[string]bool{}
	for _, found := range regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllStringSubmatch(read(t, "../docker-compose.yml"), -1) {
		wanted[found[1]] = true
	}
	for _, secret := range file.Secrets {
		wanted[secret.Environment] = true
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if !regexp.MustCompile(`(?m)^#?` + name + `=`).MatchString(example) {
			t.Errorf("deploy/.env.example does not mention %s", name)
		}
	}
}

func TestImage(t *testing.T) {
	t.Parallel()
	image := read(t, "../Dockerfile")
	for _, want := range []string{
		"CGO_ENABLED=0", "-trimpath", "-X main.version=${VERSION}", "./cmd/oktasync", "FROM scratch", "ca-certificates.crt", "USER 65532:65532",
		"VOLUME /data", "EXPOSE 8080", `HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/oktasync", "healthcheck"]`,
	} {
		if !strings.Contains(image, want) {
			t.Errorf("the Dockerfile does not say %s", want)
		}
	}
	_, final, _ := strings.Cut(image, "FROM scratch")
	if regexp.MustCompile(`(?m)^RUN`).MatchString(final) {
		t.Error("the last stage runs something, but it has no shell")
	}
	module := read(t, "../go.mod")
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(module)
	if wanted == nil || !strings.Contains(image, "golang:"+wanted[1]+"-") {
		t.Errorf("the Dockerfile does not build with the Go that go.mod names (%v)", wanted)
	}
}

// The alert rules may only ask for metrics that the service has.
func TestAlertsUseKnownMetrics(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("../cmd/oktasync/*.go")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, source := range sources {
		code := read(t, source)
		for _, found := range regexp.MustCompile(`(?:counter|histogram|gauge)\("([a-z_]+)"`).FindAllStringSubmatch(code, -1) {
			known["oktasync_"+found[1]] = true
		}
		for _, found := range regexp.MustCompile(`"(oktasync_[a-z_]+)"`).FindAllStringSubmatch(code, -1) {
			known[found[1]] = true
		}
	}
	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Expr        string            `yaml:"expr"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "alerts.yml")), &alerts); err != nil {
		t.Fatal(err)
	}
	if len(alerts.Groups) != 1 || len(alerts.Groups[0].Rules) < 5 {
		t.Fatalf("the rules were not read: %+v", alerts)
	}
	for _, rule := range alerts.Groups[0].Rules {
		for _, name := range regexp.MustCompile(`\boktasync_[a-z_]+`).FindAllString(rule.Expr, -1) {
			if !known[strings.TrimSuffix(name, "_bucket")] {
				t.Errorf("%s asks for %s, which the service does not have", rule.Alert, name)
			}
		}
		if rule.Annotations["summary"] == "" || rule.Annotations["action"] == "" {
			t.Errorf("%s does not say what is wrong or what to do", rule.Alert)
		}
	}
}

// The guide's request body and tables name exactly the events that the service asks for.
func TestOktaGuideNamesTheEvents(t *testing.T) {
	t.Parallel()
	guide := read(t, "../docs/okta-setup.md")
	_, after, _ := strings.Cut(guide, "cat > hook.json <<'JSON'\n")
	body, _, found := strings.Cut(after, "\nJSON\n")
	if !found {
		t.Fatal("the guide has no hook.json")
	}
	var hook struct {
		Events struct {
			Items []string `json:"items"`
		} `json:"events"`
	}
	if err := json.Unmarshal([]byte(body), &hook); err != nil {
		t.Fatalf("hook.json is not JSON: %v", err)
	}
	if !slices.Equal(hook.Events.Items, directory.SubscribedEvents()) {
		t.Errorf("hook.json subscribes to %v, want %v", hook.Events.Items, directory.SubscribedEvents())
	}
	rows := regexp.MustCompile("(?m)^\\| [^|]+ \\| `([a-z_.]+)` \\|")
	_, needed, _ := strings.Cut(guide, "### The eight events")
	needed, advised, _ := strings.Cut(needed, "### The further events")
	advised, _, _ = strings.Cut(advised, "### Okta's limits")
	named := func(text string) []string {
		var types []string
		for _, row := range rows.FindAllStringSubmatch(text, -1) {
			types = append(types, row[1])
		}
		return types
	}
	if got := named(needed); !slices.Equal(got, directory.GuideEvents()) {
		t.Errorf("the table of needed events names %v, want %v", got, directory.GuideEvents())
	}
	if got := named(advised); !slices.Equal(got, directory.SubscribedEvents()[len(directory.GuideEvents()):]) {
		t.Errorf("the table of advised events names %v", got)
	}
}

// Each example of a configuration in the guide is one that loads.
func TestOktaGuideConfigurationLoads(t *testing.T) {
	t.Parallel()
	guide := read(t, "../docs/okta-setup.md")
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(guide, -1)
	if len(blocks) == 0 {
		t.Fatal("the guide has no example")
	}
	for _, block := range blocks {
		_, err := config.Load(config.Options{Path: "config.yml", ReadFile: func(path string) ([]byte, error) {
			switch path {
			case "config.yml":
				return []byte(block[1]), nil
			case "secrets/okta-token":
				return []byte("00abcdefghijklmnopqrst\n"), nil
			case "secrets/hook-secret":
				return []byte("f00dcafe00112233445566778899aabb\n"), nil
			default:
				return nil, fs.ErrNotExist
			}
		}})
		if err != nil {
			t.Errorf("an example is refused:\n%v\n%s", err, block[1])
		}
	}
}
