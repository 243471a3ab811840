// The texts of AWS Lambda: the lines that the platform itself writes to a function's log, and the
// payloads of errors that no handler made. Pure.
// docs.aws.amazon.com/lambda/latest/dg/python-logging.html (START, END, REPORT)
// docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html (LogFormat JSON)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "lambda/plan.h"

namespace kiban::lambda {

// What ended an invocation without the handler's doing.
enum class Failure { None, Timeout, Exit, OutOfMemory, Init, TooLarge };

// Of one invocation.
struct Measurement {
  double duration_ms{0};
  std::optional<double> init_ms{};  // Of the first invocation of an environment.
  std::int64_t memory_mb{0};
  std::int64_t memory_mb_max_used{0};
  std::string status{"success"};  // Or "error" or "timeout".
  std::string error_type{};       // Of an error: "Runtime.ExitError".
};

// Whole milliseconds, of the initialisation too, as AWS bills them since August 2025.
std::int64_t billed_ms(const Measurement& measured);

std::string init_line(const Plan& plan, std::string_view runtime_version, Timestamp now);
std::string init_report_line(const Plan& plan, double init_ms, std::string_view status,
                             std::string_view error_type, Timestamp now);
std::string start_line(const Plan& plan, std::string_view request_id, Timestamp now);
// Empty in JSON, which has no such line.
std::string end_line(const Plan& plan, std::string_view request_id);
std::string report_line(const Plan& plan, std::string_view request_id, const Measurement& measured,
                        Timestamp now);
// "2026-11-30T17:00:00.000Z ID Task timed out after 3.00 seconds"
std::string timeout_line(std::string_view request_id, std::chrono::seconds timeout, Timestamp now);

// {"errorType": …, "errorMessage": "RequestId: ID Error: MESSAGE"}
std::string error_payload(std::string_view type, std::string_view request_id,
                          std::string_view message);
std::string timeout_message(std::chrono::seconds timeout);
// How a process ended, in the words of Go's os/exec, which AWS's supervisor prints: "exit status
// 1", "signal: killed". `code` as a shell tells it.
std::string exit_message(int code);

// YYYY/MM/DD/[VERSION]HEX32 of the day in UTC.
std::string stream_name(std::string_view version, std::string_view hex, Timestamp now);

}  // namespace kiban::lambda
