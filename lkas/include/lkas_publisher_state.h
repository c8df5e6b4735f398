/* lkas_publisher_state.h: the state of a publisher and its two threads: one executes commands, one writes the status
 * file. Included by lkas_publisher.h. */
#ifndef LKAS_PUBLISHER_STATE_H
#define LKAS_PUBLISHER_STATE_H

#include "lkas_commands.h"
#include "lkas_messages.h"
#include "lkas_status.h"

#include <signal.h>

#define LKAS_HEARTBEAT_NS INT64_C(500000000)
#define LKAS__STATUS_GAP_NS INT64_C(50000000) /* between two status files, however often stats change */

/* Executes a command: NULL when it is done, else the reason why not, a text that stays valid until the next call. The
 * parameters are JSON (lkas_json_find(), lkas_json_number(), lkas_json_text() of lkas_json.h). */
typedef const char *(*lkas_command_handler)(const lkas_command *command, void *context);

/* Settings. Texts are copied by lkas_publisher_init(). */
typedef struct lkas_publisher_config {
    const char *name;     /* of the program, 1 to 64 bytes; default "perception" */
    const char *version;  /* of the program, up to 64 bytes; default "unknown" */
    const char *instance; /* which of several stacks; default NULL: LKAS_INSTANCE, else "default" */
    int detections, tracks, timelines; /* 1: publish them, 0: leave the channel to others; default 1 */
    int checksum;         /* 1: each message carries a CRC-32, which readers check; default 1 */
    uint32_t slots;       /* messages in a channel, 2 to 64; default 8 */
    lkas_command_handler command; /* default NULL: each command but PING, which is always answered, is refused */
    void (*report)(const char *sentence, void *context); /* gets each new failure; default: prints it */
    void *context;        /* of both functions */
} lkas_publisher_config;

enum { LKAS__DETECTIONS, LKAS__TRACKS, LKAS__TIMELINES, LKAS__OUTPUTS };

/* The first fields of every message. */
typedef struct lkas__stamps {
    int64_t session, frame_id;
    double timestamp;
    int64_t capture_ns;
} lkas__stamps;

typedef struct lkas_publisher {
    lkas_publisher_config config; /* without its texts */
    char name[96], version[96], instance[96], status_path[LKAS_PATH_BYTES];
    lkas_writer writers[LKAS__OUTPUTS];
    lkas_commands commands;
    pthread_t threads[2];
    int64_t started_ns;
    unsigned forks;
    LKAS_ATOMIC(uint32_t) wake; /* raised when stats have changed */
    LKAS_ATOMIC(int) is_running;
    pthread_mutex_t lock; /* of the writers while it runs, and of what follows */
    lkas__stamps newest;  /* of the detections */
    int64_t published_ns[LKAS__OUTPUTS]; /* capture_ns of the newest message of each */
    lkas_stat stats[LKAS_STATS];
    int stats_count;
    lkas_error error;
    char reported[sizeof(((lkas_error *)0)->text)];
} lkas_publisher;

/* Pass a new failure to config.report; returns its code. The caller holds the lock, or runs alone. */
static inline int lkas__report(lkas_publisher *core, const lkas_error *error) {
    if (error != &core->error) core->error = *error;
    if (strcmp(core->reported, core->error.text) != 0) {
        strcpy(core->reported, core->error.text);
        if (core->config.report) core->config.report(core->error.text, core->config.context);
    }
    return core->error.code;
}

/* LKAS_OK in the process that made it. The child of a fork has neither its threads nor its locks. */
static inline int lkas__check_owner(lkas_publisher *core) {
    if (!core) return LKAS_E_SYSTEM;
    if (core->forks == lkas__forks) return LKAS_OK;
    lkas__fail(&core->error, LKAS_E_FORKED, "%s: this publisher belongs to the parent process: make one here", core->name);
    return lkas__report(core, &core->error);
}

/* ------------------------------------------------------------------ the two threads */

static inline const char *lkas__execute(lkas_publisher *core, const lkas_command *command) {
    if (strcmp(command->name, "PING") == 0) return NULL;
    return core->config.command ? core->config.command(command, core->config.context) : "this program has no commands";
}

static inline void *lkas__run_commands(void *argument) {
    lkas_publisher *core = (lkas_publisher *)argument;
    lkas_command command;
    while (lkas__load(&core->is_running, seq_cst)) {
        lkas_commands_wait(&core->commands, LKAS_SLICE_NS);
        while (lkas__load(&core->is_running, seq_cst) && lkas_commands_take(&core->commands, &command))
            lkas_commands_answer(&core->commands, &command, lkas__execute(core, &command));
    }
    return NULL;
}

static inline int lkas__write_state(lkas_publisher *core, const char *state, lkas_error *error) {
    lkas_stat stats[LKAS_STATS];
    pthread_mutex_lock(&core->lock);
    memcpy(stats, core->stats, sizeof stats);
    const lkas_status status = {core->name, state, core->version, core->started_ns, stats, core->stats_count};
    pthread_mutex_unlock(&core->lock);
    return lkas_status_write(core->status_path, &status, error);
}

static inline void *lkas__run_status(void *argument) {
    lkas_publisher *core = (lkas_publisher *)argument;
    lkas_error error;
    while (lkas__load(&core->is_running, seq_cst)) {
        const uint32_t seen = lkas__load(&core->wake, seq_cst);
        const int64_t due_ns = lkas_now_ns() + LKAS_HEARTBEAT_NS;
        if (lkas__write_state(core, "running", &error)) {
            pthread_mutex_lock(&core->lock);
            lkas__report(core, &error);
            pthread_mutex_unlock(&core->lock);
        }
        lkas__sleep_ns(LKAS__STATUS_GAP_NS);
        for (int64_t left_ns; lkas__load(&core->is_running, seq_cst) && lkas__load(&core->wake, seq_cst) == seen &&
                              (left_ns = due_ns - lkas_now_ns()) > 0;)
            lkas__futex_wait(&core->wake, seen, left_ns);
    }
    return NULL;
}

static inline void lkas__raise_status(lkas_publisher *core) {
    lkas__add(&core->wake, 1u, seq_cst);
    lkas__futex_wake(&core->wake);
}

/* Wait for the first `count` threads to end. */
static inline void lkas__join(lkas_publisher *core, int count) {
    lkas__store(&core->is_running, 0, seq_cst);
    lkas_inbox_close_wakes(core->commands.inbox);
    lkas__raise_status(core);
    for (int i = 0; i < count; ++i) pthread_join(core->threads[i], NULL);
}

static inline int lkas__start_threads(lkas_publisher *core) {
    void *(*const runs[])(void *) = {lkas__run_commands, lkas__run_status};
    sigset_t all, before;
    sigfillset(&all);
    lkas__store(&core->is_running, 1, seq_cst);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the program's signals are for its own threads */
    int result = 0, count = 0;
    while (count < 2 && (result = pthread_create(&core->threads[count], NULL, runs[count], core)) == 0) ++count;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result == 0) return LKAS_OK;
    lkas__join(core, count);
    return lkas__fail(&core->error, LKAS_E_SYSTEM, "%s: cannot start a thread: %s", core->name, strerror(result));
}

#endif /* LKAS_PUBLISHER_STATE_H */
