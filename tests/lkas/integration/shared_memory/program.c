/* One of four roles, as test_c_programs.py starts it: program ROLE INSTANCE. C11 and C++17. */
#include <lkas_channel.h>
#include <lkas_messages.h>

static lkas_error error;

static int fail(void) {
    printf("%s\n", error.text);
    return 1;
}

static int write_control(const char *path) {
    lkas_spec spec = LKAS_CONTROL_MESSAGE_SPEC(4);
    lkas_writer writer;
    struct lkas_control_message message;
    memset(&message, 0, sizeof message);
    message.frame_id = 42;
    message.steering = -0.25;
    message.mode = LKAS_CONTROL_MODE_HOLD;
    message.has_curvature = 1;
    message.curvature = 0.01;
    message.state_reason_bytes = 6;
    memcpy(message.state_reason, "from C", 6);
    if (lkas_open(&writer, path, &spec, &error)) return fail();
    if (lkas_write(&writer, &message, NULL, &error) < 0) return fail();
    lkas_close_writer(&writer);
    return 0;
}

static int read_control(const char *path) {
    lkas_spec spec = LKAS_CONTROL_MESSAGE_SPEC(0);
    lkas_reader reader;
    struct lkas_control_message message;
    lkas_reader_init(&reader, path, &spec);
    if (lkas_wait(&reader, INT64_C(20000000000), &error) < 0) return fail();
    if (lkas_read(&reader, 1, &message, &error) != 1) return fail();
    printf("%lld %lld %g %d %d %g %d %.*s\n", (long long)message.sequence, (long long)message.frame_id,
           message.steering, (int)message.mode, message.has_curvature, message.curvature, message.has_ttlc_left_s,
           (int)message.state_reason_bytes, message.state_reason);
    lkas_close_reader(&reader);
    return 0;
}

static int write_image(const char *path) {
    lkas_spec spec = LKAS_IMAGE_MESSAGE_SPEC(4, 3, 5, 3);
    spec.has_crc = 1;
    lkas_writer writer;
    struct lkas_image_message message;
    memset(&message, 0, sizeof message);
    message.frame_id = 7;
    if (lkas_open(&writer, path, &spec, &error)) return fail();
    if (lkas_claim(&writer, &error) < 0) return fail();
    for (int i = 0; i < 45; ++i) ((uint8_t *)lkas_claimed_bulk(&writer))[i] = (uint8_t)i;
    lkas_publish(&writer, &message);
    lkas_close_writer(&writer);
    return 0;
}

static int view_image(const char *path) {
    lkas_spec spec = LKAS_IMAGE_MESSAGE_SPEC(0, 0, 0, 0);
    lkas_reader reader;
    lkas_view view;
    struct lkas_image_message message;
    int sum = 0;
    lkas_reader_init(&reader, path, &spec);
    if (lkas_view_begin(&reader, 1, &view, &error) != 1) return fail();
    lkas_view_record(&view, &message);
    for (uint64_t i = 0; i < view.channel->facts.bulk_bytes; ++i) sum += ((const uint8_t *)lkas_view_bulk(&view))[i];
    printf("%lld %u %u %d\n", (long long)message.frame_id, (unsigned)view.channel->facts.height,
           (unsigned)view.channel->facts.width, sum);
    lkas_view_end(&view);
    lkas_close_reader(&reader);
    return 0;
}

int main(int count, char **words) {
    char path[LKAS_PATH_BYTES];
    if (count != 3 || !lkas_path(path, NULL, words[2], strstr(words[1], "image") ? "camera_feed" : "vehicle_control"))
        return 2;
    if (!strcmp(words[1], "write_control")) return write_control(path);
    if (!strcmp(words[1], "read_control")) return read_control(path);
    if (!strcmp(words[1], "write_image")) return write_image(path);
    return view_image(path);
}
