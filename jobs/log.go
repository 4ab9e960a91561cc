package jobs

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// LogRedis sends the messages of the Redis library to log, at debug level: every
// failure also comes back as an error, and while Redis is down there are dozens a
// second. The library has one logger for the whole process and writes to standard
// error by default, so main calls this once, before Connect.
func LogRedis(log *slog.Logger) { redis.SetLogger(redisLog{log}) }

type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, fmt.Sprintf(format, args...))
}

// asynqLog carries asynq's messages to slog. Its "info" is about its own
// goroutines, which interests nobody, so all but errors go down a level. Fatal
// must not end the process.
type asynqLog struct{ log *slog.Logger }

func (l asynqLog) Debug(args ...any) { l.log.Debug(fmt.Sprint(args...)) }
func (l asynqLog) Info(args ...any)  { l.log.Debug(fmt.Sprint(args...)) }
func (l asynqLog) Warn(args ...any)  { l.log.Debug(fmt.Sprint(args...)) }
func (l asynqLog) Error(args ...any) { l.log.Warn(fmt.Sprint(args...)) }
func (l asynqLog) Fatal(args ...any) { l.log.Error(fmt.Sprint(args...)) }

// cronLog carries cron's messages to slog.
type cronLog struct{ log *slog.Logger }

func (l cronLog) Info(message string, pairs ...any) { l.log.Debug("cron: "+message, pairs...) }
func (l cronLog) Error(err error, message string, pairs ...any) {
	l.log.Error("cron: "+message, append(pairs, "error", err)...)
}
