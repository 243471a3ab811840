#include "runtime/effects.h"

#include <fmt/format.h>

#include <exception>

#include "core/utf8.h"

namespace kiban::runtime {
namespace {

constexpr std::uint64_t reply_bytes_max = 1024UL * 1024;

json::object told(const HttpReply& reply) {
  json::array headers;
  for (const auto& [name, value] : reply.headers) headers.push_back(json::array{name, value});
  json::object out{{"Status", reply.status},
                   {"Reason", reason_of(reply.status)},
                   {"Headers", std::move(headers)}};
  if (is_utf8(reply.body))
    out["Body"] = reply.body;
  else
    out["Binary"] = true;
  return out;
}

}  // namespace

void Effects::add(std::string kind, Performer performer) {
  performers_.insert_or_assign(std::move(kind), std::move(performer));
}

void Effects::perform(const services::Effect& effect) {
  const Report report = [kernel = kernel_, service = effect.service, id = effect.id](
                            services::Outcome outcome, Report::Committed committed) {
    outcome.id = id;
    kernel->outcome(service, std::move(outcome), std::move(committed));
  };
  const auto found = performers_.find(effect.kind);
  if (found != performers_.end()) {
    try {
      found->second(effect, report);
    } catch (const std::exception& thrown) {
      // The effect's row does not hold what its performer reads: damaged, or of another version.
      report({.payload = {{"Error", "NotPerformed"}, {"Cause", thrown.what()}}});
    }
    return;
  }
  report({.payload = {{"Error", "NotPerformed"},
                      {"Cause", "nothing in this server performs " + effect.kind}}});
}

Performer make_http_performer(Fetcher& fetcher, MessageSigner& signer, Targets targets) {
  return [&fetcher, &signer, targets](const services::Effect& effect, const Report& report) {
    const auto text = [&](std::string_view key, const char* fallback) {
      const json::string* found = find_string(effect.payload, key);
      return found ? to_string(*found) : std::string(fallback);
    };
    const json::value* timeout = find(effect.payload, "TimeoutSeconds");
    Fetch request{.method = text("Method", "POST"),
                  .url = text("Url", ""),
                  .body = text("Body", ""),
                  .targets = targets,
                  .timeout = std::chrono::seconds{timeout ? timeout->to_number<int>() : 15},
                  .reply_bytes_max = reply_bytes_max};
    if (const json::object* headers = find_object(effect.payload, "Headers"))
      for (const auto& [name, value] : *headers)
        if (value.is_string()) request.headers.emplace_back(name, to_string(value.get_string()));
    if (const std::string version = text("Sign", ""); !version.empty())
      request.prepare = [&signer, version](Fetch& fetch) -> Result<void> {
        KIBAN_TRY(fetch.body, signer.sign(fetch.body, version));
        return {};
      };
    fetcher.start(std::move(request), [report](Result<HttpReply> reply) {
      report({.payload = reply ? told(*reply)
                               : json::object{{"Error", reply.error().name},
                                              {"Cause", reply.error().cause}}});
    });
  };
}

Performer make_log_performer() {
  return [](const services::Effect& effect, const Report& report) {
    const json::string* message = find_string(effect.payload, "Message");
    fmt::print(stderr, "kiban: {}\n", message ? to_string(*message) : "");
    report({.payload = {}});
  };
}

Performer make_sign_performer(MessageSigner& signer,
                              std::function<void(std::function<void()>)> post) {
  return [&signer, post = std::move(post)](const services::Effect& effect, const Report& report) {
    const auto text = [&](std::string_view key) {
      const json::string* found = find_string(effect.payload, key);
      return found ? to_string(*found) : std::string();
    };
    post([&signer, report, body = text("Body"), version = text("Sign")] {
      const auto done = signer.sign(body, version);
      if (done)
        report({.payload = {{"Body", *done}}});
      else
        report({.payload = {{"Error", done.error().name}, {"Cause", done.error().cause}}});
    });
  };
}

}  // namespace kiban::runtime
