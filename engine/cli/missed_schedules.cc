#include "cli/missed_schedules.h"

#include <fmt/core.h>

#include "runtime/json_reply.h"

namespace kiban::cli {

namespace {

json::object shown(const json::object& row) {
  const auto time = [&](std::string_view member) {
    return format_iso8601(Timestamp{Duration{number(row, member)}});
  };
  return {{"policy", text(row, "Policy")},
          {"due", number(row, "Due")},
          {"starts", number(row, "Starts")},
          {"first", time("First")},
          {"last", time("Last")},
          {"decided", time("At")},
          {"older", flag(row, "Older")}};
}

}  // namespace

runtime::Handler make_missed_route(runtime::KernelThread& kernel) {
  return [&kernel](const runtime::HttpRequest& request, const runtime::Respond& respond) {
    if (request.method != "GET") return runtime::refuse(respond, 405, "GET shows it.");
    const std::string behind = request.target.substr(missed_path.size());
    const std::size_t slash = behind.find('/');
    if (slash == std::string::npos)
      return runtime::refuse(respond, 404, "The path ends with REGION/RULE.");
    const std::string key =
        fmt::format("events/{}/missed/{}", behind.substr(0, slash), behind.substr(slash + 1));
    kernel.visit([respond, key](const kernel::Kernel& visited) {
      const auto row = visited.read(key);
      const auto read = row ? parse_json(*row) : Result<json::value>{json::object{}};
      const bool there = row && read && read->is_object();
      runtime::respond_with(respond, 200, there ? shown(read->get_object()) : json::object{});
    });
  };
}

std::string missed_words(const std::string& rule, const json::object& missed) {
  if (missed.empty()) return "";
  const std::int64_t due = number(missed, "due");
  if (due == 0)
    return fmt::format("{}: what it missed before {} was more than 24 hours old and did not start",
                       rule, text(missed, "decided"));
  return fmt::format("{}: {} firing{} missed, from {} to {}; {} started at {} ({})", rule, due,
                     due == 1 ? " was" : "s were", text(missed, "first"), text(missed, "last"),
                     number(missed, "starts"), text(missed, "decided"), text(missed, "policy"));
}

}  // namespace kiban::cli
