#include "runtime/probes.h"

#include <fmt/format.h>

#include "core/json.h"

namespace kiban::runtime {
namespace {

constexpr std::uint64_t reply_bytes_max = 64ULL * 1024;

std::string text(const json::object& payload, std::string_view key) {
  const json::string* found = find_string(payload, key);
  return found ? to_string(*found) : std::string();
}

Fetch fetch_of(const json::object& payload, TaskHost host) {
  const bool here = host == TaskHost::ThisHost;
  const std::string address = here ? "127.0.0.1" : text(payload, "Address");
  // A probe that was asked for before there was a ContainerPort has none.
  const char* const port = here && payload.contains("ContainerPort") ? "ContainerPort" : "Port";
  return {.url = fmt::format("{}://{}:{}{}",
                             text(payload, "Protocol") == "HTTPS" ? "https" : "http", address,
                             payload.at(port).to_number<std::int64_t>(), text(payload, "Path")),
          .headers = {{"User-Agent", "ELB-HealthChecker/2.0"}},
          .check_certificate = false,  // Load balancers do not check those of their targets.
          .timeout = std::chrono::seconds{payload.at("TimeoutSeconds").to_number<std::int64_t>()},
          .reply_bytes_max = reply_bytes_max};
}

json::object told(const Result<HttpReply>& reply) {
  if (!reply) return {{"Error", reply.error().name}, {"Cause", reply.error().cause}};
  return {{"Status", reply->status}};
}

}  // namespace

Performer make_probe_performer(Fetcher& fetcher, Pauses& pauses, TaskHost host) {
  return [&fetcher, &pauses, host](const services::Effect& effect, const Report& report) {
    pauses.start(
        std::chrono::milliseconds{effect.payload.at("Milliseconds").to_number<std::int64_t>()},
        [&fetcher, request = fetch_of(effect.payload, host), report](const services::Outcome&) {
          fetcher.start(request, [report](const Result<HttpReply>& reply) {
            report({.payload = told(reply)});
          });
        });
  };
}

}  // namespace kiban::runtime
