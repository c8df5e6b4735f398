/* lkas_messages.h: the messages of the pipeline as C structs.
 *
 * Written from lkas/integration/shared_memory/messages.py by `make defaults`; do not edit. That file has the meaning,
 * units and signs of the fields. `has_x`: `x` is known; a text has `x_bytes` bytes and no closing zero; the first
 * `x_count` elements of an array are valid. Each LKAS_..._SPEC initialises a `struct lkas_spec` of lkas_channel.h.
 */
#ifndef LKAS_MESSAGES_H
#define LKAS_MESSAGES_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* for lkas_system.h, should it come later */
#endif
#include <stddef.h>
#include <stdint.h>
#ifndef __cplusplus
#include <assert.h>
#endif

enum {
    LKAS_LINE_TYPE_UNKNOWN = 0,
    LKAS_LINE_TYPE_SOLID = 1,
    LKAS_LINE_TYPE_DASHED = 2,
    LKAS_LINE_TYPE_DOUBLE = 3,
    LKAS_LINE_TYPE_BOTTS_DOTS = 4,
    LKAS_LINE_TYPE_EDGE = 5,
};

enum {
    LKAS_LINE_COLOUR_UNKNOWN = 0,
    LKAS_LINE_COLOUR_WHITE = 1,
    LKAS_LINE_COLOUR_YELLOW = 2,
};

enum {
    LKAS_LINE_ORIGIN_MEASURED = 0,
    LKAS_LINE_ORIGIN_OTHER_LINE = 1,
    LKAS_LINE_ORIGIN_PREDICTED = 2,
};

enum {
    LKAS_CALIBRATION_STATUS_UNCALIBRATED = 0,
    LKAS_CALIBRATION_STATUS_ESTIMATING = 1,
    LKAS_CALIBRATION_STATUS_CALIBRATED = 2,
    LKAS_CALIBRATION_STATUS_GIVEN = 3,
};

enum {
    LKAS_TRACK_STATE_TENTATIVE = 0,
    LKAS_TRACK_STATE_CONFIRMED = 1,
    LKAS_TRACK_STATE_COASTING = 2,
};

enum {
    LKAS_CONTROL_MODE_LANE_KEEPING = 0,
    LKAS_CONTROL_MODE_SINGLE_LINE = 1,
    LKAS_CONTROL_MODE_HOLD = 2,
    LKAS_CONTROL_MODE_DEGRADED = 3,
    LKAS_CONTROL_MODE_MINIMUM_RISK = 4,
    LKAS_CONTROL_MODE_STANDBY = 5,
    LKAS_CONTROL_MODE_MANUAL = 6,
};

enum {
    LKAS_DEPARTURE_STATUS_CENTERED = 0,
    LKAS_DEPARTURE_STATUS_DRIFT = 1,
    LKAS_DEPARTURE_STATUS_DEPARTURE = 2,
};

enum {
    LKAS_LIMITER_FLAG_STEERING_ANGLE = 1,
    LKAS_LIMITER_FLAG_STEERING_RATE = 2,
    LKAS_LIMITER_FLAG_LATERAL_ACCELERATION = 4,
    LKAS_LIMITER_FLAG_LATERAL_JERK = 8,
    LKAS_LIMITER_FLAG_NOT_FINITE = 16,
    LKAS_LIMITER_FLAG_STALE_SPEED = 32,
    LKAS_LIMITER_FLAG_NO_STEERING_RANGE = 64,
    LKAS_LIMITER_FLAG_BRAKING_FOR_BEND = 128,
};

struct lkas_image_message {
    int64_t session;
    int64_t frame_id;
    double timestamp;
    int64_t capture_ns;
    int64_t publish_ns;
    int64_t sequence;
};
static_assert(sizeof(struct lkas_image_message) == 48, "ImageMessage");
static_assert(offsetof(struct lkas_image_message, session) == 0, "ImageMessage.session");
static_assert(offsetof(struct lkas_image_message, frame_id) == 8, "ImageMessage.frame_id");
static_assert(offsetof(struct lkas_image_message, timestamp) == 16, "ImageMessage.timestamp");
static_assert(offsetof(struct lkas_image_message, capture_ns) == 24, "ImageMessage.capture_ns");
static_assert(offsetof(struct lkas_image_message, publish_ns) == 32, "ImageMessage.publish_ns");
static_assert(offsetof(struct lkas_image_message, sequence) == 40, "ImageMessage.sequence");
#define LKAS_IMAGE_MESSAGE_SCHEMA UINT64_C(0xbcf641c5d4a0a57e)
#define LKAS_IMAGE_MESSAGE_SPEC(slots, height, width, channels) {"ImageMessage", LKAS_IMAGE_MESSAGE_SCHEMA, 48, 32, (slots), 1, (height), (width), (channels), 0}

struct lkas_lane_message {
    double x1;
    double y1;
    double x2;
    double y2;
    double confidence;
};
static_assert(sizeof(struct lkas_lane_message) == 40, "LaneMessage");
static_assert(offsetof(struct lkas_lane_message, x1) == 0, "LaneMessage.x1");
static_assert(offsetof(struct lkas_lane_message, y1) == 8, "LaneMessage.y1");
static_assert(offsetof(struct lkas_lane_message, x2) == 16, "LaneMessage.x2");
static_assert(offsetof(struct lkas_lane_message, y2) == 24, "LaneMessage.y2");
static_assert(offsetof(struct lkas_lane_message, confidence) == 32, "LaneMessage.confidence");

struct lkas_lane_line {
    double c0;
    double c1;
    double c2;
    double c3;
    double sigma_c0;
    double sigma_c1;
    double sigma_c2;
    double sigma_c3;
    double x_min_m;
    double x_max_m;
    double confidence;
    int32_t type; /* LKAS_LINE_TYPE_... */
    int32_t colour; /* LKAS_LINE_COLOUR_... */
    int64_t age;
    int32_t origin; /* LKAS_LINE_ORIGIN_... */
};
static_assert(sizeof(struct lkas_lane_line) == 112, "LaneLine");
static_assert(offsetof(struct lkas_lane_line, c0) == 0, "LaneLine.c0");
static_assert(offsetof(struct lkas_lane_line, c1) == 8, "LaneLine.c1");
static_assert(offsetof(struct lkas_lane_line, c2) == 16, "LaneLine.c2");
static_assert(offsetof(struct lkas_lane_line, c3) == 24, "LaneLine.c3");
static_assert(offsetof(struct lkas_lane_line, sigma_c0) == 32, "LaneLine.sigma_c0");
static_assert(offsetof(struct lkas_lane_line, sigma_c1) == 40, "LaneLine.sigma_c1");
static_assert(offsetof(struct lkas_lane_line, sigma_c2) == 48, "LaneLine.sigma_c2");
static_assert(offsetof(struct lkas_lane_line, sigma_c3) == 56, "LaneLine.sigma_c3");
static_assert(offsetof(struct lkas_lane_line, x_min_m) == 64, "LaneLine.x_min_m");
static_assert(offsetof(struct lkas_lane_line, x_max_m) == 72, "LaneLine.x_max_m");
static_assert(offsetof(struct lkas_lane_line, confidence) == 80, "LaneLine.confidence");
static_assert(offsetof(struct lkas_lane_line, type) == 88, "LaneLine.type");
static_assert(offsetof(struct lkas_lane_line, colour) == 92, "LaneLine.colour");
static_assert(offsetof(struct lkas_lane_line, age) == 96, "LaneLine.age");
static_assert(offsetof(struct lkas_lane_line, origin) == 104, "LaneLine.origin");

struct lkas_calibration {
    double focal_px;
    double cx_px;
    double cy_px;
    double height_m;
    double pitch_rad;
    double yaw_rad;
    double roll_rad;
    double x_m;
    double y_m;
    double k1;
    double k2;
    double p1;
    double p2;
    double k3;
    int32_t status; /* LKAS_CALIBRATION_STATUS_... */
    double percent;
    double spread_px;
};
static_assert(sizeof(struct lkas_calibration) == 136, "Calibration");
static_assert(offsetof(struct lkas_calibration, focal_px) == 0, "Calibration.focal_px");
static_assert(offsetof(struct lkas_calibration, cx_px) == 8, "Calibration.cx_px");
static_assert(offsetof(struct lkas_calibration, cy_px) == 16, "Calibration.cy_px");
static_assert(offsetof(struct lkas_calibration, height_m) == 24, "Calibration.height_m");
static_assert(offsetof(struct lkas_calibration, pitch_rad) == 32, "Calibration.pitch_rad");
static_assert(offsetof(struct lkas_calibration, yaw_rad) == 40, "Calibration.yaw_rad");
static_assert(offsetof(struct lkas_calibration, roll_rad) == 48, "Calibration.roll_rad");
static_assert(offsetof(struct lkas_calibration, x_m) == 56, "Calibration.x_m");
static_assert(offsetof(struct lkas_calibration, y_m) == 64, "Calibration.y_m");
static_assert(offsetof(struct lkas_calibration, k1) == 72, "Calibration.k1");
static_assert(offsetof(struct lkas_calibration, k2) == 80, "Calibration.k2");
static_assert(offsetof(struct lkas_calibration, p1) == 88, "Calibration.p1");
static_assert(offsetof(struct lkas_calibration, p2) == 96, "Calibration.p2");
static_assert(offsetof(struct lkas_calibration, k3) == 104, "Calibration.k3");
static_assert(offsetof(struct lkas_calibration, status) == 112, "Calibration.status");
static_assert(offsetof(struct lkas_calibration, percent) == 120, "Calibration.percent");
static_assert(offsetof(struct lkas_calibration, spread_px) == 128, "Calibration.spread_px");

struct lkas_lane_model {
    uint8_t has_left;
    struct lkas_lane_line left;
    uint8_t has_right;
    struct lkas_lane_line right;
    uint8_t has_width_m;
    double width_m;
    uint8_t has_width_sigma_m;
    double width_sigma_m;
    struct lkas_calibration calibration;
};
static_assert(sizeof(struct lkas_lane_model) == 408, "LaneModel");
static_assert(offsetof(struct lkas_lane_model, left) == 8, "LaneModel.left");
static_assert(offsetof(struct lkas_lane_model, right) == 128, "LaneModel.right");
static_assert(offsetof(struct lkas_lane_model, width_m) == 248, "LaneModel.width_m");
static_assert(offsetof(struct lkas_lane_model, width_sigma_m) == 264, "LaneModel.width_sigma_m");
static_assert(offsetof(struct lkas_lane_model, calibration) == 272, "LaneModel.calibration");

struct lkas_detection_message {
    int64_t session;
    int64_t frame_id;
    double timestamp;
    int64_t capture_ns;
    int64_t publish_ns;
    int64_t sequence;
    uint8_t has_left_lane;
    struct lkas_lane_message left_lane;
    uint8_t has_right_lane;
    struct lkas_lane_message right_lane;
    double processing_time_ms;
    uint8_t has_lane_model;
    struct lkas_lane_model lane_model;
    int64_t frame_publish_ns;
};
static_assert(sizeof(struct lkas_detection_message) == 576, "DetectionMessage");
static_assert(offsetof(struct lkas_detection_message, session) == 0, "DetectionMessage.session");
static_assert(offsetof(struct lkas_detection_message, frame_id) == 8, "DetectionMessage.frame_id");
static_assert(offsetof(struct lkas_detection_message, timestamp) == 16, "DetectionMessage.timestamp");
static_assert(offsetof(struct lkas_detection_message, capture_ns) == 24, "DetectionMessage.capture_ns");
static_assert(offsetof(struct lkas_detection_message, publish_ns) == 32, "DetectionMessage.publish_ns");
static_assert(offsetof(struct lkas_detection_message, sequence) == 40, "DetectionMessage.sequence");
static_assert(offsetof(struct lkas_detection_message, left_lane) == 56, "DetectionMessage.left_lane");
static_assert(offsetof(struct lkas_detection_message, right_lane) == 104, "DetectionMessage.right_lane");
static_assert(offsetof(struct lkas_detection_message, processing_time_ms) == 144, "DetectionMessage.processing_time_ms");
static_assert(offsetof(struct lkas_detection_message, lane_model) == 160, "DetectionMessage.lane_model");
static_assert(offsetof(struct lkas_detection_message, frame_publish_ns) == 568, "DetectionMessage.frame_publish_ns");
#define LKAS_DETECTION_MESSAGE_SCHEMA UINT64_C(0xa71a8a91a123084b)
#define LKAS_DETECTION_MESSAGE_SPEC(slots) {"DetectionMessage", LKAS_DETECTION_MESSAGE_SCHEMA, 576, 32, (slots), 0, 0, 0, 0, 0}

struct lkas_track {
    int64_t id;
    int32_t type; /* LKAS_LINE_TYPE_... */
    int64_t age;
    int32_t state; /* LKAS_TRACK_STATE_... */
    double c0;
    double c1;
    double c2;
    double c3;
    uint32_t covariance_count;
    double covariance[16];
    double confidence;
};
static_assert(sizeof(struct lkas_track) == 208, "Track");
static_assert(offsetof(struct lkas_track, id) == 0, "Track.id");
static_assert(offsetof(struct lkas_track, type) == 8, "Track.type");
static_assert(offsetof(struct lkas_track, age) == 16, "Track.age");
static_assert(offsetof(struct lkas_track, state) == 24, "Track.state");
static_assert(offsetof(struct lkas_track, c0) == 32, "Track.c0");
static_assert(offsetof(struct lkas_track, c1) == 40, "Track.c1");
static_assert(offsetof(struct lkas_track, c2) == 48, "Track.c2");
static_assert(offsetof(struct lkas_track, c3) == 56, "Track.c3");
static_assert(offsetof(struct lkas_track, covariance) == 72, "Track.covariance");
static_assert(offsetof(struct lkas_track, confidence) == 200, "Track.confidence");

struct lkas_tracks_message {
    int64_t session;
    int64_t frame_id;
    double timestamp;
    int64_t capture_ns;
    int64_t publish_ns;
    int64_t sequence;
    uint32_t tracks_count;
    struct lkas_track tracks[8];
};
static_assert(sizeof(struct lkas_tracks_message) == 1720, "TracksMessage");
static_assert(offsetof(struct lkas_tracks_message, session) == 0, "TracksMessage.session");
static_assert(offsetof(struct lkas_tracks_message, frame_id) == 8, "TracksMessage.frame_id");
static_assert(offsetof(struct lkas_tracks_message, timestamp) == 16, "TracksMessage.timestamp");
static_assert(offsetof(struct lkas_tracks_message, capture_ns) == 24, "TracksMessage.capture_ns");
static_assert(offsetof(struct lkas_tracks_message, publish_ns) == 32, "TracksMessage.publish_ns");
static_assert(offsetof(struct lkas_tracks_message, sequence) == 40, "TracksMessage.sequence");
static_assert(offsetof(struct lkas_tracks_message, tracks) == 56, "TracksMessage.tracks");
#define LKAS_TRACKS_MESSAGE_SCHEMA UINT64_C(0x0ff456de58616104)
#define LKAS_TRACKS_MESSAGE_SPEC(slots) {"TracksMessage", LKAS_TRACKS_MESSAGE_SCHEMA, 1720, 32, (slots), 0, 0, 0, 0, 0}

struct lkas_steering_terms {
    double feedforward;
    double offset;
    double heading;
    double integral;
    double handover;
    double trim;
};
static_assert(sizeof(struct lkas_steering_terms) == 48, "SteeringTerms");
static_assert(offsetof(struct lkas_steering_terms, feedforward) == 0, "SteeringTerms.feedforward");
static_assert(offsetof(struct lkas_steering_terms, offset) == 8, "SteeringTerms.offset");
static_assert(offsetof(struct lkas_steering_terms, heading) == 16, "SteeringTerms.heading");
static_assert(offsetof(struct lkas_steering_terms, integral) == 24, "SteeringTerms.integral");
static_assert(offsetof(struct lkas_steering_terms, handover) == 32, "SteeringTerms.handover");
static_assert(offsetof(struct lkas_steering_terms, trim) == 40, "SteeringTerms.trim");

struct lkas_control_message {
    int64_t session;
    int64_t frame_id;
    double timestamp;
    int64_t capture_ns;
    int64_t publish_ns;
    int64_t sequence;
    double steering;
    double throttle;
    double brake;
    int32_t mode; /* LKAS_CONTROL_MODE_... */
    uint8_t has_lateral_offset;
    double lateral_offset;
    uint8_t has_lateral_offset_meters;
    double lateral_offset_meters;
    uint8_t has_heading_angle;
    double heading_angle;
    uint8_t has_lane_width_pixels;
    double lane_width_pixels;
    uint8_t has_departure_status;
    int32_t departure_status; /* LKAS_DEPARTURE_STATUS_... */
    uint8_t has_curvature;
    double curvature;
    uint8_t has_ttlc_left_s;
    double ttlc_left_s;
    uint8_t has_ttlc_right_s;
    double ttlc_right_s;
    int64_t limiter;
    uint32_t state_reason_bytes;
    char state_reason[96];
    double valid_until;
    uint8_t has_terms;
    struct lkas_steering_terms terms;
};
static_assert(sizeof(struct lkas_control_message) == 368, "ControlMessage");
static_assert(offsetof(struct lkas_control_message, session) == 0, "ControlMessage.session");
static_assert(offsetof(struct lkas_control_message, frame_id) == 8, "ControlMessage.frame_id");
static_assert(offsetof(struct lkas_control_message, timestamp) == 16, "ControlMessage.timestamp");
static_assert(offsetof(struct lkas_control_message, capture_ns) == 24, "ControlMessage.capture_ns");
static_assert(offsetof(struct lkas_control_message, publish_ns) == 32, "ControlMessage.publish_ns");
static_assert(offsetof(struct lkas_control_message, sequence) == 40, "ControlMessage.sequence");
static_assert(offsetof(struct lkas_control_message, steering) == 48, "ControlMessage.steering");
static_assert(offsetof(struct lkas_control_message, throttle) == 56, "ControlMessage.throttle");
static_assert(offsetof(struct lkas_control_message, brake) == 64, "ControlMessage.brake");
static_assert(offsetof(struct lkas_control_message, mode) == 72, "ControlMessage.mode");
static_assert(offsetof(struct lkas_control_message, lateral_offset) == 80, "ControlMessage.lateral_offset");
static_assert(offsetof(struct lkas_control_message, lateral_offset_meters) == 96, "ControlMessage.lateral_offset_meters");
static_assert(offsetof(struct lkas_control_message, heading_angle) == 112, "ControlMessage.heading_angle");
static_assert(offsetof(struct lkas_control_message, lane_width_pixels) == 128, "ControlMessage.lane_width_pixels");
static_assert(offsetof(struct lkas_control_message, departure_status) == 140, "ControlMessage.departure_status");
static_assert(offsetof(struct lkas_control_message, curvature) == 152, "ControlMessage.curvature");
static_assert(offsetof(struct lkas_control_message, ttlc_left_s) == 168, "ControlMessage.ttlc_left_s");
static_assert(offsetof(struct lkas_control_message, ttlc_right_s) == 184, "ControlMessage.ttlc_right_s");
static_assert(offsetof(struct lkas_control_message, limiter) == 192, "ControlMessage.limiter");
static_assert(offsetof(struct lkas_control_message, state_reason) == 204, "ControlMessage.state_reason");
static_assert(offsetof(struct lkas_control_message, valid_until) == 304, "ControlMessage.valid_until");
static_assert(offsetof(struct lkas_control_message, terms) == 320, "ControlMessage.terms");
#define LKAS_CONTROL_MESSAGE_SCHEMA UINT64_C(0x0a28e2e17a6ae7a4)
#define LKAS_CONTROL_MESSAGE_SPEC(slots) {"ControlMessage", LKAS_CONTROL_MESSAGE_SCHEMA, 368, 32, (slots), 0, 0, 0, 0, 0}

struct lkas_timeline_point {
    double t_s;
    double offset_m;
    double heading_rad;
    double margin_left_m;
    double margin_right_m;
};
static_assert(sizeof(struct lkas_timeline_point) == 40, "TimelinePoint");
static_assert(offsetof(struct lkas_timeline_point, t_s) == 0, "TimelinePoint.t_s");
static_assert(offsetof(struct lkas_timeline_point, offset_m) == 8, "TimelinePoint.offset_m");
static_assert(offsetof(struct lkas_timeline_point, heading_rad) == 16, "TimelinePoint.heading_rad");
static_assert(offsetof(struct lkas_timeline_point, margin_left_m) == 24, "TimelinePoint.margin_left_m");
static_assert(offsetof(struct lkas_timeline_point, margin_right_m) == 32, "TimelinePoint.margin_right_m");

struct lkas_timeline_message {
    int64_t session;
    int64_t frame_id;
    double timestamp;
    int64_t capture_ns;
    int64_t publish_ns;
    int64_t sequence;
    uint32_t points_count;
    struct lkas_timeline_point points[31];
    uint8_t has_ttlc_left_s;
    double ttlc_left_s;
    uint8_t has_ttlc_right_s;
    double ttlc_right_s;
};
static_assert(sizeof(struct lkas_timeline_message) == 1328, "TimelineMessage");
static_assert(offsetof(struct lkas_timeline_message, session) == 0, "TimelineMessage.session");
static_assert(offsetof(struct lkas_timeline_message, frame_id) == 8, "TimelineMessage.frame_id");
static_assert(offsetof(struct lkas_timeline_message, timestamp) == 16, "TimelineMessage.timestamp");
static_assert(offsetof(struct lkas_timeline_message, capture_ns) == 24, "TimelineMessage.capture_ns");
static_assert(offsetof(struct lkas_timeline_message, publish_ns) == 32, "TimelineMessage.publish_ns");
static_assert(offsetof(struct lkas_timeline_message, sequence) == 40, "TimelineMessage.sequence");
static_assert(offsetof(struct lkas_timeline_message, points) == 56, "TimelineMessage.points");
static_assert(offsetof(struct lkas_timeline_message, ttlc_left_s) == 1304, "TimelineMessage.ttlc_left_s");
static_assert(offsetof(struct lkas_timeline_message, ttlc_right_s) == 1320, "TimelineMessage.ttlc_right_s");
#define LKAS_TIMELINE_MESSAGE_SCHEMA UINT64_C(0xb959fab774f7dd45)
#define LKAS_TIMELINE_MESSAGE_SPEC(slots) {"TimelineMessage", LKAS_TIMELINE_MESSAGE_SCHEMA, 1328, 32, (slots), 0, 0, 0, 0, 0}

struct lkas_pose {
    double x_m;
    double y_m;
    double z_m;
    double yaw_rad;
    double pitch_rad;
    double roll_rad;
};
static_assert(sizeof(struct lkas_pose) == 48, "Pose");
static_assert(offsetof(struct lkas_pose, x_m) == 0, "Pose.x_m");
static_assert(offsetof(struct lkas_pose, y_m) == 8, "Pose.y_m");
static_assert(offsetof(struct lkas_pose, z_m) == 16, "Pose.z_m");
static_assert(offsetof(struct lkas_pose, yaw_rad) == 24, "Pose.yaw_rad");
static_assert(offsetof(struct lkas_pose, pitch_rad) == 32, "Pose.pitch_rad");
static_assert(offsetof(struct lkas_pose, roll_rad) == 40, "Pose.roll_rad");

struct lkas_camera_geometry {
    double focal_px;
    double cx_px;
    double cy_px;
    double height_m;
    double pitch_rad;
    double yaw_rad;
    double roll_rad;
    double x_m;
    double y_m;
    double k1;
    double k2;
    double p1;
    double p2;
    double k3;
};
static_assert(sizeof(struct lkas_camera_geometry) == 112, "CameraGeometry");
static_assert(offsetof(struct lkas_camera_geometry, focal_px) == 0, "CameraGeometry.focal_px");
static_assert(offsetof(struct lkas_camera_geometry, cx_px) == 8, "CameraGeometry.cx_px");
static_assert(offsetof(struct lkas_camera_geometry, cy_px) == 16, "CameraGeometry.cy_px");
static_assert(offsetof(struct lkas_camera_geometry, height_m) == 24, "CameraGeometry.height_m");
static_assert(offsetof(struct lkas_camera_geometry, pitch_rad) == 32, "CameraGeometry.pitch_rad");
static_assert(offsetof(struct lkas_camera_geometry, yaw_rad) == 40, "CameraGeometry.yaw_rad");
static_assert(offsetof(struct lkas_camera_geometry, roll_rad) == 48, "CameraGeometry.roll_rad");
static_assert(offsetof(struct lkas_camera_geometry, x_m) == 56, "CameraGeometry.x_m");
static_assert(offsetof(struct lkas_camera_geometry, y_m) == 64, "CameraGeometry.y_m");
static_assert(offsetof(struct lkas_camera_geometry, k1) == 72, "CameraGeometry.k1");
static_assert(offsetof(struct lkas_camera_geometry, k2) == 80, "CameraGeometry.k2");
static_assert(offsetof(struct lkas_camera_geometry, p1) == 88, "CameraGeometry.p1");
static_assert(offsetof(struct lkas_camera_geometry, p2) == 96, "CameraGeometry.p2");
static_assert(offsetof(struct lkas_camera_geometry, k3) == 104, "CameraGeometry.k3");

struct lkas_vehicle_facts {
    uint8_t has_wheelbase_m;
    double wheelbase_m;
    uint8_t has_cg_to_rear_axle_m;
    double cg_to_rear_axle_m;
    uint8_t has_width_m;
    double width_m;
    uint8_t has_steering_delay_s;
    double steering_delay_s;
    uint8_t has_steering_lag_s;
    double steering_lag_s;
    uint8_t has_full_throttle_mps2;
    double full_throttle_mps2;
    uint8_t has_full_brake_mps2;
    double full_brake_mps2;
};
static_assert(sizeof(struct lkas_vehicle_facts) == 112, "VehicleFacts");
static_assert(offsetof(struct lkas_vehicle_facts, wheelbase_m) == 8, "VehicleFacts.wheelbase_m");
static_assert(offsetof(struct lkas_vehicle_facts, cg_to_rear_axle_m) == 24, "VehicleFacts.cg_to_rear_axle_m");
static_assert(offsetof(struct lkas_vehicle_facts, width_m) == 40, "VehicleFacts.width_m");
static_assert(offsetof(struct lkas_vehicle_facts, steering_delay_s) == 56, "VehicleFacts.steering_delay_s");
static_assert(offsetof(struct lkas_vehicle_facts, steering_lag_s) == 72, "VehicleFacts.steering_lag_s");
static_assert(offsetof(struct lkas_vehicle_facts, full_throttle_mps2) == 88, "VehicleFacts.full_throttle_mps2");
static_assert(offsetof(struct lkas_vehicle_facts, full_brake_mps2) == 104, "VehicleFacts.full_brake_mps2");

struct lkas_vehicle_state {
    int64_t session;
    int64_t frame_id;
    double timestamp;
    int64_t capture_ns;
    int64_t publish_ns;
    int64_t sequence;
    uint8_t has_speed_mps;
    double speed_mps;
    uint8_t has_yaw_rate_radps;
    double yaw_rate_radps;
    uint8_t has_steering_angle_rad;
    double steering_angle_rad;
    uint8_t has_pose;
    struct lkas_pose pose;
    uint8_t has_acceleration_mps2;
    double acceleration_mps2;
    uint8_t has_lateral_acceleration_mps2;
    double lateral_acceleration_mps2;
    uint8_t paused;
    uint8_t has_max_steer_rad;
    double max_steer_rad;
    double rate;
    double tick_s;
    uint8_t has_camera;
    struct lkas_camera_geometry camera;
    uint8_t has_vehicle;
    struct lkas_vehicle_facts vehicle;
};
static_assert(sizeof(struct lkas_vehicle_state) == 456, "VehicleState");
static_assert(offsetof(struct lkas_vehicle_state, session) == 0, "VehicleState.session");
static_assert(offsetof(struct lkas_vehicle_state, frame_id) == 8, "VehicleState.frame_id");
static_assert(offsetof(struct lkas_vehicle_state, timestamp) == 16, "VehicleState.timestamp");
static_assert(offsetof(struct lkas_vehicle_state, capture_ns) == 24, "VehicleState.capture_ns");
static_assert(offsetof(struct lkas_vehicle_state, publish_ns) == 32, "VehicleState.publish_ns");
static_assert(offsetof(struct lkas_vehicle_state, sequence) == 40, "VehicleState.sequence");
static_assert(offsetof(struct lkas_vehicle_state, speed_mps) == 56, "VehicleState.speed_mps");
static_assert(offsetof(struct lkas_vehicle_state, yaw_rate_radps) == 72, "VehicleState.yaw_rate_radps");
static_assert(offsetof(struct lkas_vehicle_state, steering_angle_rad) == 88, "VehicleState.steering_angle_rad");
static_assert(offsetof(struct lkas_vehicle_state, pose) == 104, "VehicleState.pose");
static_assert(offsetof(struct lkas_vehicle_state, acceleration_mps2) == 160, "VehicleState.acceleration_mps2");
static_assert(offsetof(struct lkas_vehicle_state, lateral_acceleration_mps2) == 176, "VehicleState.lateral_acceleration_mps2");
static_assert(offsetof(struct lkas_vehicle_state, paused) == 184, "VehicleState.paused");
static_assert(offsetof(struct lkas_vehicle_state, max_steer_rad) == 192, "VehicleState.max_steer_rad");
static_assert(offsetof(struct lkas_vehicle_state, rate) == 200, "VehicleState.rate");
static_assert(offsetof(struct lkas_vehicle_state, tick_s) == 208, "VehicleState.tick_s");
static_assert(offsetof(struct lkas_vehicle_state, camera) == 224, "VehicleState.camera");
static_assert(offsetof(struct lkas_vehicle_state, vehicle) == 344, "VehicleState.vehicle");
#define LKAS_VEHICLE_STATE_SCHEMA UINT64_C(0xd0f3b2c95c60bdd4)
#define LKAS_VEHICLE_STATE_SPEC(slots) {"VehicleState", LKAS_VEHICLE_STATE_SCHEMA, 456, 32, (slots), 0, 0, 0, 0, 0}

#endif /* LKAS_MESSAGES_H */
