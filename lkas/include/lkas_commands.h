/* lkas_commands.h: answer the commands that LKASClient.send_command() sends, from C or C++. POSIX.
 *
 *   lkas_commands commands;
 *   lkas_commands_open(&commands, instance, LKAS_COMMANDS_NAME, &error);
 *   for (;;) {
 *       lkas_commands_wait(&commands, until_the_next_cycle_ns);          sleeps; a command ends the sleep
 *       while (lkas_commands_take(&commands, &command))
 *           lkas_commands_answer(&commands, &command, reason_or_NULL);   NULL: done
 *   }
 *   lkas_commands_close(&commands);
 *
 * One replier of the sockets over shared memory (lkas_ring.h), with JSON as raw bytes: a command is
 * {"action": "CONFIG_UPDATE", "params": {"threshold": 0.7}}, its answer {"request_id": "", "ok": true, "applied": true}
 * or {"request_id": "", "ok": false, "error": "why"}. Anything else is refused here and counted.
 * Inboxes that killed programs left are removed by the next Python socket of the name, or by `lkas doctor --clean`.
 */
#ifndef LKAS_COMMANDS_H
#define LKAS_COMMANDS_H

#include "lkas_ring.h"

#include "lkas_json.h"

#define LKAS_COMMANDS_NAME "lkas_commands"
#define LKAS_COMMANDS_SLOTS 64u                       /* waiting commands */
#define LKAS_COMMANDS_BYTES (UINT64_C(256) << 10)     /* bytes of waiting commands */
#define LKAS_COMMAND_BYTES 8192u                      /* the longest command */
#define LKAS_COMMANDS_TURN_NS INT64_C(50000000)       /* the longest wait for another sender's copy, when answering */

typedef struct lkas_commands {
    char base[LKAS_PATH_BYTES];
    lkas_ring *bell, *inbox;
    uint64_t refused; /* messages that were no commands */
} lkas_commands;

typedef struct lkas_command {
    char text[LKAS_COMMAND_BYTES];
    char name[65];
    lkas_json params; /* an object within `text` */
    uint64_t asker, request;
} lkas_command;

static inline int lkas_commands_open(lkas_commands *commands, const char *instance, const char *name,
                                     lkas_error *error) {
    char path[LKAS_PATH_BYTES + 32];
    memset(commands, 0, sizeof *commands);
    if (!lkas_path(commands->base, NULL, instance, name))
        return lkas__fail(error, LKAS_E_ARGUMENT, "the path of %s is longer than %d bytes", name, LKAS_PATH_BYTES);
    snprintf(path, sizeof path, "%s-reqrep", commands->base);
    commands->bell = lkas_bell_open(path, error);
    if (!commands->bell) return error->code;
    do {
        snprintf(path, sizeof path, "%s-rep-%016llx", commands->base, (unsigned long long)lkas_now_ns());
        commands->inbox = lkas_inbox_create(path, LKAS_COMMANDS_SLOTS, LKAS_COMMANDS_BYTES, error);
    } while (!commands->inbox && error->code == LKAS_E_WRITER_EXISTS);
    if (!commands->inbox) {
        lkas_bell_close(commands->bell);
        lkas_ring_release(commands->bell);
        return error->code;
    }
    lkas_bell_announce(commands->bell);
    return LKAS_OK;
}

/* Sleep until there is a command or the time is over; a signal ends it as well. */
static inline void lkas_commands_wait(lkas_commands *commands, int64_t duration_ns) {
    if (duration_ns > 0) lkas_inbox_wait(commands->inbox, duration_ns);
}

/* Answer a command: done (NULL), or the reason why not. Returns 0 when its sender is gone or has no room. */
static inline int lkas_commands_answer(lkas_commands *commands, const lkas_command *command, const char *reason) {
    char path[LKAS_PATH_BYTES + 32], words[512], text[600];
    lkas_error error;
    lkas_ring_room room;
    if (reason)
        snprintf(text, sizeof text, "{\"request_id\":\"\",\"ok\":false,\"error\":%s}",
                 lkas_json_quote(words, sizeof words, reason));
    else snprintf(text, sizeof text, "{\"request_id\":\"\",\"ok\":true,\"applied\":true}");
    snprintf(path, sizeof path, "%s-req-%016llx", commands->base, (unsigned long long)command->asker);
    lkas_ring *outlet = lkas_ring_attach(path, &error);
    if (!outlet) return 0;
    const int is_handed = lkas_ring_is_alive(outlet) && lkas_ring_lock(outlet, LKAS_COMMANDS_TURN_NS) == LKAS_OK &&
                          lkas_ring_claim(outlet, strlen(text), &room, &error) == LKAS_OK;
    if (is_handed) {
        memcpy(room.place, text, strlen(text));
        lkas_ring_commit(outlet, &room, LKAS_RING_PLAIN, 1, 0, command->request);
    }
    lkas_ring_release(outlet);
    return is_handed;
}

/* Parse a command: NULL, or why the text is none. */
static inline const char *lkas__command_read(lkas_command *command, uint32_t kind, uint64_t bytes) {
    lkas_json object, name;
    if (kind != LKAS_RING_PLAIN) return "not raw bytes: ask with serializer=\"raw\"";
    if (bytes > sizeof command->text) return "longer than 8192 bytes";
    if (!lkas_json_object(command->text, (size_t)bytes, &object)) return "not a JSON object";
    if (!lkas_json_find(object, "action", &name) || !lkas_json_text(name, command->name, sizeof command->name))
        return "no \"action\" of 1 to 64 bytes";
    if (!command->name[0]) return "no \"action\" of 1 to 64 bytes";
    if (!lkas_json_find(object, "params", &command->params)) { /* no params: same as empty ones */
        command->params.start = "{}";
        command->params.end = command->params.start + 2;
    }
    return *command->params.start == '{' ? NULL : "\"params\" is not an object";
}

/* The next command: 0 when there is none. The caller answers each one. */
static inline int lkas_commands_take(lkas_commands *commands, lkas_command *command) {
    uint64_t position;
    const lkas_ring_entry *entry;
    while ((entry = lkas_inbox_take(commands->inbox, &position)) != NULL) {
        const uint64_t offset = entry->offset, size = entry->bytes; /* read once: other programs can write them */
        const uint64_t bytes = lkas_ring_holds(commands->inbox, offset, size) ? size : UINT64_MAX;
        const uint32_t kind = entry->kind;
        command->asker = entry->sender;
        command->request = entry->request;
        if (bytes <= sizeof command->text)
            memcpy(command->text, lkas_ring_bytes(commands->inbox, offset), (size_t)bytes);
        lkas_inbox_release(commands->inbox, position, commands->bell);
        const char *const problem = lkas__command_read(command, kind, bytes);
        if (!problem) return 1;
        ++commands->refused;
        lkas_commands_answer(commands, command, problem);
    }
    return 0;
}

static inline void lkas_commands_close(lkas_commands *commands) {
    lkas_inbox_close(commands->inbox, commands->bell, 0);
    lkas_ring_release(commands->inbox);
    lkas_bell_close(commands->bell);
    lkas_ring_release(commands->bell);
}

#endif /* LKAS_COMMANDS_H */
