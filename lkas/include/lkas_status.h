/* lkas_status.h: the status file of a C or C++ program, which LKASClient.get_status() reads. POSIX.
 *
 *   char path[LKAS_PATH_BYTES];
 *   lkas_runtime_path(path, instance, LKAS_STATUS_NAME, &error);
 *   lkas_status status = {"perception", "running", "1.2", lkas_now_ns(), NULL, 0};
 *   lkas_status_write(path, &status, &error);             at least twice a second: it is also the heartbeat
 *
 * The runtime directory is $XDG_RUNTIME_DIR/lkas/<instance>, or /tmp/lkas-<uid>/<instance> where
 * XDG_RUNTIME_DIR is not the user's own; accessible to its user only. lkas/runtime/instance.py has the same rule for Python.
 */
#ifndef LKAS_STATUS_H
#define LKAS_STATUS_H

#include "lkas_channel.h"

#include "lkas_json.h"
#include "lkas_messages.h"

#define LKAS_STATUS_NAME "status.json"
#define LKAS_STATS 64            /* in a status file */
#define LKAS_STAT_NAME_BYTES 65  /* with the closing zero */
#define LKAS__STATUS_BYTES 16384 /* of the file; LKASClient reads no longer one */

/* One number that the program reports about itself. */
typedef struct lkas_stat {
    char name[LKAS_STAT_NAME_BYTES];
    double value;
} lkas_stat;

typedef struct lkas_status {
    const char *name;    /* of the program, up to 64 bytes */
    const char *state;   /* one word or a sentence */
    const char *version; /* of the program */
    int64_t started_ns;  /* monotonic */
    const lkas_stat *stats;
    int stats_count;     /* at most LKAS_STATS */
} lkas_status;

/* Create a private directory (0700, no link), or check that it is one. */
static inline int lkas__own_directory(const char *path, lkas_error *error) {
    struct stat found;
    if (mkdir(path, 0700) && errno != EEXIST)
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot create it: %s", path, strerror(errno));
    if (lstat(path, &found))
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot read its attributes: %s", path, strerror(errno));
    if (!S_ISDIR(found.st_mode) || found.st_uid != getuid() || (found.st_mode & 077))
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: expected a directory of user %u with mode 0700, found mode %o of "
                          "user %u: remove it", path, (unsigned)getuid(), (unsigned)found.st_mode & 07777,
                          (unsigned)found.st_uid);
    return LKAS_OK;
}

/* Path of a file of this instance; creates the directories. `instance` NULL: "default". */
static inline int lkas_runtime_path(char path[LKAS_PATH_BYTES], const char *instance, const char *name,
                                    lkas_error *error) {
    const char *const given = getenv("XDG_RUNTIME_DIR");
    struct stat found;
    const int is_own = given && *given == '/' && stat(given, &found) == 0 && S_ISDIR(found.st_mode) &&
                       found.st_uid == getuid();
    int length = is_own ? snprintf(path, LKAS_PATH_BYTES, "%s/lkas", given)
                        : snprintf(path, LKAS_PATH_BYTES, "/tmp/lkas-%u", (unsigned)getuid());
    for (int i = 0; i < 2 && length > 0 && length < LKAS_PATH_BYTES; ++i) {
        if (lkas__own_directory(path, error)) return error->code;
        length += snprintf(path + length, (size_t)(LKAS_PATH_BYTES - length), "/%s",
                           i == 0 ? (instance ? instance : "default") : name);
    }
    if (length > 0 && length < LKAS_PATH_BYTES) return LKAS_OK;
    return lkas__fail(error, LKAS_E_ARGUMENT, "the path of %s is longer than %d bytes", name, LKAS_PATH_BYTES);
}

/* Append `"stats":{...}`: the new length. A text of LKAS__STATUS_BYTES has room for all. */
static inline int lkas__put_stats(char *text, int length, const lkas_status *status) {
    char name[2 * LKAS_STAT_NAME_BYTES + 2];
    length += snprintf(text + length, (size_t)(LKAS__STATUS_BYTES - length), ",\"stats\":{");
    for (int i = 0; i < status->stats_count && i < LKAS_STATS; ++i) {
        const int start = length;
        length += snprintf(text + length, (size_t)(LKAS__STATUS_BYTES - length), "%s%s:%.17g", i ? "," : "",
                           lkas_json_quote(name, sizeof name, status->stats[i].name), status->stats[i].value);
        for (char *digit = text + length; *--digit != ':' && digit > text + start;)
            if (*digit == ',') *digit = '.'; /* the decimal point of a program's locale */
    }
    text[length++] = '}';
    return length;
}

/* Write the file atomically: a reader sees the old one or the new one. Stats must be finite. */
static inline int lkas_status_write(const char *path, const lkas_status *status, lkas_error *error) {
    char temporary[LKAS_PATH_BYTES + 32], name[72], state[256], version[72], text[LKAS__STATUS_BYTES];
    snprintf(temporary, sizeof temporary, "%s.new-%d", path, (int)getpid());
    int length = snprintf(
        text, sizeof text,
        "{\"name\":%s,\"pid\":%d,\"state\":%s,\"started_ns\":%lld,\"heartbeat_ns\":%lld,"
        "\"versions\":{\"program\":%s,\"layout\":\"%u\",\"detection\":\"%016llx\"}",
        lkas_json_quote(name, sizeof name, status->name), (int)getpid(),
        lkas_json_quote(state, sizeof state, status->state), (long long)status->started_ns, (long long)lkas_now_ns(),
        lkas_json_quote(version, sizeof version, status->version), LKAS_LAYOUT_VERSION,
        (unsigned long long)LKAS_DETECTION_MESSAGE_SCHEMA);
    length = lkas__put_stats(text, length, status);
    text[length++] = '}';
    text[length++] = '\n';
    unlink(temporary); /* left by a dead process with the same pid */
    const int fd = lkas__open_file(temporary, LKAS__CREATE);
    const int is_written = fd >= 0 && write(fd, text, (size_t)length) == (ssize_t)length;
    if (fd >= 0) lkas__close_file(fd);
    if (is_written && lkas__rename(temporary, path) == 0) return LKAS_OK;
    lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot write it: %s", path, strerror(errno));
    unlink(temporary);
    return error->code;
}

#endif /* LKAS_STATUS_H */
