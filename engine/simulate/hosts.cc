#include "simulate/hosts.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "core/json.h"
#include "simulate/digest.h"

namespace kiban::simulate {
namespace {

using namespace std::chrono_literals;

Duration up_to(Random& random, Duration most) {
  return Duration{
      static_cast<Duration::rep>(random.below(static_cast<std::uint64_t>(most.count()) + 1))};
}

// These live outside of the engine's process.
bool outlives(std::string_view kind) { return kind == "task.run" || kind.starts_with("postgres."); }

json::array names_of(const json::object& payload) {
  json::array names;
  const json::array* containers = find_array(payload, "Containers");
  for (const json::value& container : containers ? *containers : json::array{})
    names.push_back(container.as_object().at("Name"));
  return names;
}

json::array stopped(const json::object& payload, std::int64_t exit_code) {
  json::array containers;
  for (const json::value& name : names_of(payload))
    containers.push_back({{"Name", name}, {"ExitCode", exit_code}});
  return containers;
}

}  // namespace

Hosts::Job* Hosts::find_job(const std::string& key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &jobs_.at(found->second);
}

void Hosts::say(std::uint64_t job, Timestamp at, json::object payload, bool final) {
  const services::Effect& effect = jobs_.at(job).effect;
  services::Outcome outcome{.id = effect.id, .final = final, .payload = std::move(payload)};
  events_.emplace(at, Event{.job = job, .service = effect.service, .outcome = std::move(outcome)});
}

void Hosts::say_again(std::uint64_t job, Timestamp at, json::object payload) {
  const services::Effect& effect = jobs_.at(job).effect;
  services::Outcome outcome{.id = effect.id, .final = true, .payload = std::move(payload)};
  events_.emplace(
      at,
      Event{.job = job, .service = effect.service, .outcome = std::move(outcome), .again = true});
}

void Hosts::drop_events(std::uint64_t job) {
  std::erase_if(events_,
                [&](const auto& each) { return each.second.job == job && !each.second.again; });
}

void Hosts::perform(const services::Effect& effect, std::uint64_t generation, Timestamp now) {
  const std::string key = fmt::format("{}/{}", effect.service, effect.id);
  if (Job* job = find_job(key); job != nullptr && job->generation == generation) {
    const std::uint64_t number = by_key_.at(key);
    if (!outlives(effect.kind)) {
      drop_events(number);
      begin(number, now);
      return;
    }
    for (const services::Outcome& outcome : std::exchange(job->said, {}))
      say(number, now, outcome.payload, outcome.final);
    return;
  }
  if (const auto old = by_key_.find(key); old != by_key_.end()) end(old->second);
  const std::uint64_t number = ++jobs_made_;
  jobs_[number] = {.key = key, .effect = effect, .generation = generation};
  by_key_[key] = number;
  begin(number, now);
}

void Hosts::on_restart() {
  for (auto& [number, job] : jobs_)
    if (!outlives(job.effect.kind)) drop_events(number);
}

std::optional<Timestamp> Hosts::next() const {
  return events_.empty() ? std::nullopt : std::optional{events_.begin()->first};
}

std::vector<Hosts::Answer> Hosts::take(Timestamp now) {
  std::vector<Answer> answers;
  while (!events_.empty() && events_.begin()->first <= now) {
    Event event = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    const auto job = jobs_.find(event.job);
    if (job == jobs_.end() && !event.again) continue;
    // A host reports a task's status again, but not its log lines.
    if (!event.again && (event.outcome.payload.contains("Status") || event.outcome.final))
      job->second.said.push_back(event.outcome);
    answers.push_back({.service = std::move(event.service),
                       .outcome = std::move(event.outcome),
                       .job = event.job});
  }
  return answers;
}

void Hosts::end(std::uint64_t job) {
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return;
  drop_events(job);
  by_key_.erase(found->second.key);
  jobs_.erase(found);
}

void Hosts::begin(std::uint64_t job, Timestamp now) {
  const services::Effect& effect = jobs_.at(job).effect;
  const std::string kind = effect.kind;
  Random random{
      seed_.derive(fmt::format("{} {}", kind, jobs_.at(job).key), jobs_.at(job).generation)};
  if (kind == "task.run") return begin_task(job, random, now);
  if (kind.starts_with("postgres.")) return begin_database(job, random, now);
  if (kind == "http.post") return begin_http(job, random, now);
  if (kind == "host.probe") return begin_probe(job, random, now);
  if (kind == "lambda.invoke") return begin_invocation(job, random, now);
  if (kind == "lambda.warm")
    return say(job, now + up_to(random, 2s), {{"Ready", effect.payload.at("Count")}}, true);
  if (kind.starts_with("lambda.")) return say(job, now, {}, true);
  if (kind == "mail.send") return begin_mail(job, random, now);
  if (kind == "task.stop") {
    stop_task(text(effect.payload, "TaskArn"), random, now);
    return say(job, now + up_to(random, 1s), {}, true);
  }
  if (kind == "host.pause")
    return say(job, now + Duration{number(effect.payload, "Milliseconds")}, {}, true);
  if (kind == "sns.sign") {
    if (fails(random, 5))
      return say(job, now, {{"Error", "SignFailed"}, {"Cause", "simulated"}}, true);
    return say(job, now + up_to(random, 50ms), {{"Body", text(effect.payload, "Body")}}, true);
  }
  if (kind == "server.log") return say(job, now, {}, true);
  say(job, now, {{"Error", "NotPerformed"}, {"Cause", "nothing in the simulator performs " + kind}},
      true);
}

void Hosts::begin_task(std::uint64_t job, Random& random, Timestamp now) {
  const json::object& payload = jobs_.at(job).effect.payload;
  if (fails(random, 8)) {
    const json::object error{{"StopCode", "TaskFailedToStart"},
                             {"Reason", "CannotPullContainerError: simulated"}};
    json::array containers;
    for (const json::value& name : names_of(payload)) containers.push_back({{"Name", name}});
    return say(job, now + up_to(random, 5s),
               {{"Status", "STOPPED"}, {"Containers", containers}, {"Error", error}}, true);
  }
  Timestamp at = now + up_to(random, random.below(10) == 0 ? Duration{60s} : Duration{3s});
  json::array running;
  for (const json::value& name : names_of(payload))
    running.push_back({{"Name", name}, {"RuntimeId", random.hex(12)}});
  json::object told{{"Status", "RUNNING"}, {"Containers", running}};
  const bool checks = random.below(2) == 0;
  if (!checks) told["HealthChecks"] = "none";
  say(job, at, told, false);
  if (fails(random, 10)) say(job, at + up_to(random, 1s), told, false);  // Said twice.
  for (std::uint64_t line = 0; line < random.below(3); ++line) {
    json::array lines;
    for (const json::value& name : names_of(payload))
      lines.push_back({{"Container", name},
                       {"Timestamp", (at + 100ms).time_since_epoch().count()},
                       {"Message", fmt::format("line {}", line)},
                       {"Position", (line + 1) * 10}});
    say(job, at + 100ms, {{"Logs", std::move(lines)}}, false);
  }
  json::array health;
  for (const json::value& name : names_of(payload))
    health.push_back({{"Name", name}, {"Status", fails(random, 15) ? "UNHEALTHY" : "HEALTHY"}});
  if (checks) say(job, at + 5s + up_to(random, 10s), {{"Health", health}}, false);
  const bool of_service = text(payload, "Group").starts_with("service:");
  for (int minute = 1; of_service && minute <= 3; ++minute)
    say(job, at + std::chrono::minutes{minute}, {{"Usage", {{"CpuUnits", 10}, {"MemoryMiB", 64}}}},
        false);
  if (of_service && !fails(random, 20)) return;  // Until it is stopped.
  if (!of_service && fails(random, 3)) return;   // It hangs.
  at += up_to(random, random.below(4) == 0 ? Duration{600s} : Duration{20s});
  const std::int64_t code = fails(random, 20) ? (random.below(2) == 0 ? 1 : 137) : 0;
  say(job, at, {{"Status", "STOPPED"}, {"Containers", stopped(payload, code)}}, true);
  if (fails(random, 10))
    say_again(job, at + up_to(random, 2s),
              {{"Status", "STOPPED"}, {"Containers", stopped(payload, 0)}});
}

void Hosts::stop_task(const std::string& arn, Random& random, Timestamp now) {
  const auto found = by_key_.find("ecs/" + arn);
  if (found == by_key_.end()) return;
  const std::uint64_t job = found->second;
  drop_events(job);
  const json::object payload = jobs_.at(job).effect.payload;
  const std::int64_t code = random.below(3) == 0 ? 137 : 143;
  say(job, now + up_to(random, 30s),
      {{"Status", "STOPPED"}, {"Containers", stopped(payload, code)}}, true);
}

void Hosts::begin_database(std::uint64_t job, Random& random, Timestamp now) {
  const services::Effect effect = jobs_.at(job).effect;
  Timestamp at = now + up_to(random, 20s);
  if (effect.kind == "postgres.run") {
    if (fails(random, 20)) {
      say(job, at, {{"Status", "failed"}, {"Error", "StartFailed"}, {"Cause", "simulated"}}, false);
      at += 30s;
    }
    say(job, at,
        {{"Status", "available"}, {"Port", 5432 + random.below(1000)}, {"Version", "15.8"}}, false);
    json::array lines{{{"Timestamp", at.time_since_epoch().count()}, {"Message", "ready"}}};
    return say(job, at, {{"Logs", std::move(lines)}}, false);
  }
  if (effect.kind == "postgres.password")
    return say(job, at, {{"Status", fails(random, 20) ? "unchanged" : "changed"}}, true);
  const std::string cluster = "rds/" + text(effect.payload, "Directory");
  if (const auto run = by_key_.find(cluster); run != by_key_.end()) {
    drop_events(run->second);
    say(run->second, at, {{"Status", "ended"}}, true);
  }
  say(job, at, {{"Status", effect.kind == "postgres.delete" ? "deleted" : "stopped"}}, true);
}

void Hosts::begin_http(std::uint64_t job, Random& random, Timestamp now) {
  const Timestamp at = now + up_to(random, random.below(8) == 0 ? Duration{15s} : Duration{300ms});
  if (fails(random, 12))
    return say(job, at, {{"Error", "TimedOut"}, {"Cause", "simulated: no answer in 15 s"}}, true);
  constexpr std::array<std::int64_t, 5> bad{500, 503, 404, 401, 429};
  const std::int64_t status = fails(random, 25) ? bad.at(random.below(bad.size())) : 200;
  json::array headers;
  headers.push_back(json::array{"Content-Type", "application/json"});
  const json::object reply{
      {"Status", status},
      {"Reason", status == 200 ? "OK" : "Simulated"},
      {"Headers", std::move(headers)},
      {"Body", R"({"access_token":"t","token_type":"Bearer","expires_in":3600})"}};
  say(job, at, reply, true);
  if (fails(random, 10)) say_again(job, at + up_to(random, 1s), reply);
}

void Hosts::begin_invocation(std::uint64_t job, Random& random, Timestamp now) {
  const Timestamp at = now + up_to(random, random.below(8) == 0 ? Duration{20s} : Duration{300ms});
  if (fails(random, 5))
    return say(job, at, {{"Error", {{"Code", "ServiceException"}, {"Message", "simulated"}}}},
               true);
  json::object reply{{"Payload", "null"}, {"DurationMs", 1}, {"LogStream", "simulated"}};
  reply["Logs"] = json::array{
      json::object{{"Timestamp", at.time_since_epoch().count()}, {"Message", "simulated"}}};
  if (fails(random, 20)) {
    reply["FunctionError"] = "Unhandled";
    reply["Payload"] = R"({"errorMessage":"simulated","errorType":"Error"})";
  }
  say(job, at, reply, true);
  if (fails(random, 10)) say_again(job, at + up_to(random, 1s), reply);
}

void Hosts::begin_probe(std::uint64_t job, Random& random, Timestamp now) {
  const Timestamp at = now + Duration{number(jobs_.at(job).effect.payload, "Milliseconds")};
  if (fails(random, 20))
    return say(job, at + 5s, {{"Error", "TimedOut"}, {"Cause", "simulated"}}, true);
  say(job, at + up_to(random, 100ms), {{"Status", fails(random, 10) ? 503 : 200}}, true);
}

void Hosts::begin_mail(std::uint64_t job, Random& random, Timestamp now) {
  const Timestamp at = now + up_to(random, 2s);
  if (fails(random, 20))
    return say(job, at,
               {{"Error", "SmtpFailed"}, {"Cause", "simulated"}, {"Permanent", fails(random, 50)}},
               true);
  say(job, at, {}, true);
}

}  // namespace kiban::simulate
