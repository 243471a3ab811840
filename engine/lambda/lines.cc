#include "lambda/lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/json.h"

namespace kiban::lambda {
namespace {

std::string platform_line(std::string_view type, json::object record, Timestamp now) {
  return print_json(
      json::object{{"time", format_iso8601(now)}, {"type", type}, {"record", std::move(record)}});
}

json::object metrics_of(const Measurement& measured) {
  json::object metrics{{"durationMs", measured.duration_ms},
                       {"billedDurationMs", billed_ms(measured)},
                       {"memorySizeMB", measured.memory_mb},
                       {"maxMemoryUsedMB", measured.memory_mb_max_used}};
  if (measured.init_ms) metrics["initDurationMs"] = *measured.init_ms;
  return metrics;
}

}  // namespace

std::int64_t billed_ms(const Measurement& measured) {
  return static_cast<std::int64_t>(
      std::max(1.0, std::ceil(measured.duration_ms + measured.init_ms.value_or(0))));
}

std::string init_line(const Plan& plan, std::string_view runtime_version, Timestamp now) {
  if (plan.log_format == LogFormat::Text)
    return fmt::format("INIT_START Runtime Version: {}", runtime_version);
  return platform_line("platform.initStart",
                       {{"initializationType", "on-demand"},
                        {"phase", "init"},
                        {"runtimeVersion", runtime_version},
                        {"functionName", plan.function_name},
                        {"functionVersion", plan.version}},
                       now);
}

std::string init_report_line(const Plan& plan, double init_ms, std::string_view status,
                             std::string_view error_type, Timestamp now) {
  if (plan.log_format == LogFormat::Text) {
    std::string line = fmt::format("INIT_REPORT Init Duration: {:.2f} ms\tPhase: init\tStatus: {}",
                                   init_ms, status);
    if (!error_type.empty()) line += fmt::format("\tError Type: {}", error_type);
    return line;
  }
  json::object record{{"initializationType", "on-demand"},
                      {"phase", "init"},
                      {"status", status},
                      {"metrics", {{"durationMs", init_ms}}}};
  if (!error_type.empty()) record["errorType"] = error_type;
  return platform_line("platform.initReport", std::move(record), now);
}

std::string start_line(const Plan& plan, std::string_view request_id, Timestamp now) {
  if (plan.log_format == LogFormat::Text)
    return fmt::format("START RequestId: {} Version: {}", request_id, plan.version);
  return platform_line(
      "platform.start",
      {{"requestId", request_id}, {"functionArn", plan.function_arn}, {"version", plan.version}},
      now);
}

std::string end_line(const Plan& plan, std::string_view request_id) {
  if (plan.log_format == LogFormat::Json) return {};
  return fmt::format("END RequestId: {}", request_id);
}

std::string report_line(const Plan& plan, std::string_view request_id, const Measurement& measured,
                        Timestamp now) {
  if (plan.log_format == LogFormat::Json) {
    json::object record{
        {"requestId", request_id}, {"metrics", metrics_of(measured)}, {"status", measured.status}};
    if (!measured.error_type.empty()) record["errorType"] = measured.error_type;
    return platform_line("platform.report", std::move(record), now);
  }
  std::string line = fmt::format(
      "REPORT RequestId: {}\tDuration: {:.2f} ms\tBilled Duration: {} ms\t"
      "Memory Size: {} MB\tMax Memory Used: {} MB\t",
      request_id, measured.duration_ms, billed_ms(measured), measured.memory_mb,
      measured.memory_mb_max_used);
  if (measured.init_ms) line += fmt::format("Init Duration: {:.2f} ms\t", *measured.init_ms);
  if (measured.status != "success") line += fmt::format("Status: {}\t", measured.status);
  if (!measured.error_type.empty()) line += fmt::format("Error Type: {}\t", measured.error_type);
  return line;
}

std::string timeout_message(std::chrono::seconds timeout) {
  return fmt::format("Task timed out after {:.2f} seconds", static_cast<double>(timeout.count()));
}

std::string timeout_line(std::string_view request_id, std::chrono::seconds timeout, Timestamp now) {
  return fmt::format("{} {} {}", format_iso8601(now), request_id, timeout_message(timeout));
}

std::string error_payload(std::string_view type, std::string_view request_id,
                          std::string_view message) {
  return print_json(
      json::object{{"errorType", type},
                   {"errorMessage", fmt::format("RequestId: {} Error: {}", request_id, message)}});
}

std::string exit_message(int code) {
  if (code == 0) return "Runtime exited without providing a reason";
  if (code <= 128) return fmt::format("Runtime exited with error: exit status {}", code);
  std::string signal = ::strsignal(code - 128);
  std::ranges::transform(signal, signal.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return fmt::format("Runtime exited with error: signal: {}", signal);
}

std::string stream_name(std::string_view version, std::string_view hex, Timestamp now) {
  std::string day = format_iso8601(now).substr(0, 10);
  std::ranges::replace(day, '-', '/');
  return fmt::format("{}/[{}]{}", day, version, hex);
}

}  // namespace kiban::lambda
