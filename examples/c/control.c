/* Reads the commands to the vehicle and prints each one, as an actuator written in C would receive them.
 *
 *   control [INSTANCE [COUNT]]     until COUNT commands have come, or Ctrl-C
 */
#include <lkas_channel.h>
#include <lkas_messages.h>

#define TIMEOUT_NS INT64_C(500000000)

static lkas_error error;

static int fail(void) {
    fprintf(stderr, "%s\n", error.text);
    return 1;
}

static void print(const struct lkas_control_message *command) {
    printf("frame %lld  steering %+.3f  throttle %.2f  brake %.2f", (long long)command->frame_id, command->steering,
           command->throttle, command->brake);
    if (command->has_lateral_offset_meters) printf("  offset %+.2f m", command->lateral_offset_meters);
    printf("  %s  %.*s\n", command->mode == LKAS_CONTROL_MODE_LANE_KEEPING ? "keeping the lane" : "not keeping the lane",
           (int)command->state_reason_bytes, command->state_reason);
    fflush(stdout);
}

int main(int count, char **words) {
    const char *instance = count > 1 ? words[1] : getenv("LKAS_INSTANCE");
    long left = count > 2 ? atol(words[2]) : -1; /* -1: until Ctrl-C */
    const lkas_spec spec = LKAS_CONTROL_MESSAGE_SPEC(0);
    char path[LKAS_PATH_BYTES];
    lkas_reader reader;
    struct lkas_control_message command;
    if (!lkas_path(path, NULL, instance, "vehicle_control")) return 2;
    lkas_reader_init(&reader, path, &spec); /* attaches by itself when the writer appears */
    while (left != 0) {
        const int has_news = lkas_wait(&reader, TIMEOUT_NS, &error); /* asleep: costs no CPU */
        if (has_news < 0) return fail();
        if (!has_news) {
            fprintf(stderr, "no command for %.1f s: an actuator brakes now\n", 1e-9 * TIMEOUT_NS);
            continue;
        }
        if (lkas_read(&reader, 1, &command, &error) < 0) return fail();
        print(&command);
        if (left > 0) --left;
    }
    lkas_close_reader(&reader);
    return 0;
}
