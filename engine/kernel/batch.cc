#include "kernel/batch.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <set>
#include <stdexcept>
#include <tuple>

#include "core/arn.h"
#include "core/utf8.h"
#include "kernel/operation_context.h"

namespace kiban::kernel {

using services::Caller;
using services::Context;
using services::Effect;
using services::Event;
using services::Outcome;

namespace {

constexpr std::string_view kernel_service = "kernel";  // Owns the timers that carry events over.

std::string timer_id_key(std::string_view service, std::string_view id) {
  return fmt::format("timer-id/{}/{}", service, id);
}

std::int64_t milliseconds_of(Timestamp at) {
  return std::max<std::int64_t>(0, at.time_since_epoch().count());
}

json::object print_event(const Event& event) {
  json::array resources;
  for (const std::string& resource : event.resources) resources.emplace_back(resource);
  return {{"Source", event.source},   {"DetailType", event.detail_type}, {"Region", event.region},
          {"Account", event.account}, {"Resources", resources},          {"Detail", event.detail}};
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::string* text = find_string(object, key);
  return text == nullptr ? std::string{} : to_string(*text);
}

Event parse_event(const json::object& object) {
  Event event{.source = text_of(object, "Source"),
              .detail_type = text_of(object, "DetailType"),
              .region = text_of(object, "Region"),
              .account = text_of(object, "Account")};
  if (const json::array* resources = find_array(object, "Resources"))
    for (const json::value& each : *resources)
      if (each.is_string()) event.resources.push_back(to_string(each.get_string()));
  if (const json::object* detail = find_object(object, "Detail")) event.detail = *detail;
  return event;
}

}  // namespace

// Of a timer's or an effect's row: account and region. No payload of a service has such a name.
constexpr std::string_view place_member = "kiban:Place";

std::unexpected<Error> internal_failure() {
  return fail("InternalFailure",
              "The request processing has failed because of an unknown error, exception or "
              "failure.");
}

std::string timer_key(Timestamp at, std::string_view service, std::string_view id) {
  return fmt::format("timer/{:020}/{}/{}", milliseconds_of(at), service, id);
}

std::string effect_key(std::string_view service, std::string_view id) {
  return fmt::format("effect/{}/{}", service, id);
}

// The object in the row of an effect; nullopt: the row can't be read.
std::optional<json::object> parse_effect_row(std::string_view value) {
  Result<json::value> tree = parse_json(value);
  if (!tree || !tree->is_object()) return std::nullopt;
  return std::move(tree->get_object());
}

std::optional<Effect> parse_effect(const store::Row& row) {
  constexpr std::string_view prefix = "effect/";
  const std::size_t slash = row.key.find('/', prefix.size());
  const auto object = parse_effect_row(row.value);
  if (slash == std::string::npos || !object) return std::nullopt;
  const json::object* payload = find_object(*object, "Payload");
  return Effect{.service = row.key.substr(prefix.size(), slash - prefix.size()),
                .kind = text_of(*object, "Kind"),
                .id = row.key.substr(slash + 1),
                .payload = payload == nullptr ? json::object{} : *payload};
}

// Timers --------------------------------------------------------------------------------------

void Kernel::Batch::erase_timer(std::string_view service, std::string_view id) {
  const std::string index = timer_id_key(service, id);
  const std::optional<std::string> time = rows_.get(index);
  if (!time) return;
  rows_.erase(index);
  rows_.erase(fmt::format("timer/{}/{}/{}", *time, service, id));
}

void Kernel::Batch::OperationContext::set_timer(std::string_view service, std::string_view id,
                                                Timestamp at, json::object payload) {
  batch_.erase_timer(service, id);
  const std::int64_t time = milliseconds_of(at);
  batch_.keep_place(caller_, payload);
  put(timer_key(at, service, id), print_json(payload));
  put(timer_id_key(service, id), fmt::format("{:020}", time));
  batch_.kernel_.timer_floor = std::min(batch_.kernel_.timer_floor, time);
  if (at <= batch_.now_) batch_.timers_changed_ = batch_.timers_due_ = true;
}

void Kernel::Batch::OperationContext::cancel_timer(std::string_view service, std::string_view id) {
  batch_.erase_timer(service, id);
}

void Kernel::Batch::fire_timers(std::size_t until_fuel) {
  // Rows are read only when one is due: thousands may wait.
  if (!timers_due_ && (!kernel_.next_due || *kernel_.next_due > now_)) return;
  const std::string last = fmt::format("timer/{:020}/\xff", milliseconds_of(now_));
  constexpr std::size_t chunk_first = 8;
  constexpr std::size_t chunk_max = 256;
  std::size_t chunk = chunk_first;
  while (fuel_ > until_fuel) {
    const std::string from = fmt::format("timer/{:020}", kernel_.timer_floor);
    const std::vector<store::Row> due = rows_.scan("timer/", from, chunk);
    chunk = chunk_max;
    if (due.empty() || due.front().key > last) return;
    timers_changed_ = false;
    bool fired = false;
    for (const store::Row& row : due) {
      if (row.key > last) return;
      if (fuel_ <= until_fuel) return;
      // A timer that fired before may have cancelled or moved this one.
      const std::optional<std::string> payload = rows_.get(row.key);
      if (!payload) continue;
      // One that sets itself again for this instant waits for the next batch: others come first.
      if (!fired_.insert(row.key).second) continue;
      fired = true;
      --fuel_;
      fire({row.key, *payload});
      deliver_events();
      if (timers_changed_) break;  // An earlier one may stand in front now.
    }
    if (!fired) return;
  }
}

std::optional<std::int64_t> time_of_timer(std::string_view key) {
  constexpr std::string_view prefix = "timer/";
  constexpr std::size_t digits = 20;
  if (key.size() <= prefix.size() + digits || key[prefix.size() + digits] != '/')
    return std::nullopt;
  const std::string_view text = key.substr(prefix.size(), digits);
  std::int64_t time = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), time);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || time < 0)
    return std::nullopt;
  return time;
}

void Kernel::Batch::fire(const store::Row& row) {
  const std::optional<std::int64_t> time = time_of_timer(row.key);
  if (!time) {
    kernel_.log("the row of a timer is damaged; it is dropped: " + to_utf8(row.key));
    rows_.erase(row.key);
    return;
  }
  constexpr std::size_t time_at = std::string_view("timer/").size();
  constexpr std::size_t service_at = time_at + 21;
  const std::size_t slash = row.key.find('/', service_at);
  const std::string service = row.key.substr(service_at, slash - service_at);
  const std::string id = slash == std::string::npos ? "" : row.key.substr(slash + 1);
  kernel_.timer_floor = *time;
  rows_.erase(row.key);
  rows_.erase(timer_id_key(service, id));
  Result<json::value> payload = parse_json(row.value);
  if (!payload || !payload->is_object()) {
    kernel_.log("a timer of " + service + " holds no JSON object; it is dropped");
    return;
  }
  if (service == kernel_service) {
    events_.push_back(parse_event(payload->get_object()));
    return;
  }
  const auto found = kernel_.by_name.find(service);
  if (found == kernel_.by_name.end()) {
    kernel_.log("a timer of " + service + ", which is no service, is dropped");
    return;
  }
  Caller caller = take_place(service, payload->get_object());
  run_guarded("a timer of " + service, found->second->name(), std::move(caller),
              [&](Context& context) { found->second->on_timer(context, payload->get_object()); });
}

// Events --------------------------------------------------------------------------------------

void Kernel::Batch::deliver_events() {
  while (events_delivered_ < events_.size() && spend()) {
    const Event event = std::move(events_[events_delivered_++]);
    deliver(event);
  }
  if (events_delivered_ == events_.size()) {
    events_.clear();
    events_delivered_ = 0;
  }
  wake_notified();
}

void Kernel::Batch::deliver(const Event& event) {
  for (const Listener& listener : kernel_.listeners) {
    if (listener.source != "*" && listener.source != event.source) continue;
    services::Service* const service = listener.service;
    Caller caller = service_caller(service->name());
    caller.account = event.account;
    caller.region = event.region;
    run_guarded("an event for " + std::string(service->name()), service->name(), std::move(caller),
                [&](Context& context) { service->on_event(context, event); });
  }
}

// Metrics -------------------------------------------------------------------------------------

void Kernel::Batch::deliver_counts() {
  if (counts_delivered_ == counts_.size()) return;
  const auto less = [this](std::size_t left, std::size_t right) {
    const auto key = [this](std::size_t index) {
      const Counted& counted = counts_[index];
      const services::MetricDatum& datum = counted.datum;
      return std::tie(datum.name, datum.dimensions, datum.metric_namespace, datum.unit,
                      counted.region, counted.account);
    };
    return key(left) < key(right);
  };
  std::map<std::size_t, services::MetricSum, decltype(less)> metrics(
      less);  // By the first of each.
  for (; counts_delivered_ < counts_.size(); ++counts_delivered_) {
    const double value = counts_[counts_delivered_].datum.value;
    const auto [at, added] = metrics.try_emplace(
        counts_delivered_, services::MetricSum{.count = 0, .sum = 0, .min = value, .max = value});
    services::MetricSum& sum = at->second;
    ++sum.count;
    sum.sum += value;
    sum.min = std::min(sum.min, value);
    sum.max = std::max(sum.max, value);
  }
  for (auto& [first, sum] : metrics) {
    const Counted counted = counts_[first];  // A copy: more may be counted meanwhile.
    sum.datum = counted.datum;
    deliver_count(counted, sum);
  }
}

// Like an operation inside another: what fails is undone alone.
void Kernel::Batch::deliver_count(const Counted& counted, const services::MetricSum& sum) {
  Caller caller = service_caller(kernel_.metrics->name());
  caller.account = counted.account;
  caller.region = counted.region;
  OperationContext context{*this, kernel_.metrics->name(), std::move(caller), 0, false, true};
  const Mark before = mark();
  try {
    kernel_.metrics->on_metric(context, sum);
  } catch (const std::exception& thrown) {
    kernel_.log(
        fmt::format("the metric {} failed inside kiban: {}", sum.datum.name, thrown.what()));
    roll_back(before);
  }
}

// Events that found no fuel become timers that are due at once.
void Kernel::Batch::keep_events() {
  for (; events_delivered_ < events_.size(); ++events_delivered_)
    run_guarded("an event to carry over", kernel_service, service_caller(kernel_service),
                [&](Context& context) {
                  context.set_timer(kernel_service,
                                    fmt::format("{:08}-{}", events_delivered_, random_.hex(16)),
                                    now_, print_event(events_[events_delivered_]));
                });
}

// Operations ----------------------------------------------------------------------------------

bool Kernel::Batch::spend() {
  if (fuel_ == 0) return false;
  --fuel_;
  return true;
}

Caller Kernel::Batch::service_caller(std::string_view service) const {
  return {.account = kernel_.options.account,
          .region = kernel_.options.region,
          .arn = std::string(service) + ".amazonaws.com"};
}

void Kernel::Batch::keep_place(const Caller& caller, json::object& row) const {
  if (caller.account == kernel_.options.account && caller.region == kernel_.options.region) return;
  row[place_member] = json::array{caller.account, caller.region};
}

Caller Kernel::Batch::take_place(std::string_view service, json::object& row) const {
  Caller caller = service_caller(service);
  const json::array* place = find_array(row, place_member);
  if (place != nullptr && place->size() == 2 && (*place)[0].is_string() &&
      (*place)[1].is_string()) {
    caller.account = to_string((*place)[0].get_string());
    caller.region = to_string((*place)[1].get_string());
  }
  row.erase(place_member);
  return caller;
}

Kernel::Batch::Mark Kernel::Batch::mark() const {
  return {.rows = rows_.savepoint(),
          .effects = effects_.size(),
          .events = events_.size(),
          .notified = notified_.size(),
          .counts = counts_.size(),
          .counts_delivered = counts_delivered_,
          .blobs = blobs_.size()};
}

void Kernel::Batch::roll_back(const Mark& to) {
  rows_.roll_back(to.rows);
  if (roles_changed_) kernel_.authoriser->forget_roles();
  effects_.resize(to.effects);
  events_.resize(to.events);
  notified_.resize(to.notified);
  counts_.resize(to.counts);
  counts_delivered_ = to.counts_delivered;
  blobs_.resize(to.blobs);
}

Result<json::object> Kernel::Batch::guarded(
    std::string_view what, OperationContext& context,
    const std::function<Result<json::object>(Context&)>& body) {
  if (kernel_.metrics != nullptr && context.service() == kernel_.metrics->name()) deliver_counts();
  const Mark before = mark();
  try {
    Result<json::object> result = body(context);
    if (!result || context.deferred())
      roll_back(before);
    else
      rows_.keep();
    return result;
  } catch (const std::exception& thrown) {
    // Our own mistake, or a DamagedRow: nothing of it stays, and the server goes on.
    roll_back(before);
    kernel_.log(fmt::format("{} failed inside kiban: {}", what, thrown.what()));
    return internal_failure();
  }
}

void Kernel::Batch::run_guarded(std::string_view what, std::string_view service, Caller caller,
                                const std::function<void(Context&)>& body) {
  kernel_.authoriser->begin_operation();
  OperationContext context{*this, service, std::move(caller), 0, false, true};
  (void)guarded(what, context, [&](Context& inner) -> Result<json::object> {
    body(inner);
    return json::object{};
  });
}

void Kernel::Batch::run_command(Waiting waiting) {
  Command& command = waiting.command;
  const auto found = kernel_.by_name.find(command.service);
  if (found == kernel_.by_name.end()) {
    replies_.push_back({std::move(command.reply), fail("UnknownOperationException",
                                                       "kiban does not serve " + command.service)});
    return;
  }
  bool last_attempt = waiting.last_attempt;
  for (;;) {
    const std::string what = command.service + ":" + command.operation;
    kernel_.authoriser->begin_operation();
    OperationContext context{*this, found->second->name(), command.caller, 0, true, last_attempt};
    Result<json::object> result =
        guarded(what, context, [&](Context& inner) -> Result<json::object> {
          KIBAN_TRY_VOID(
              decide_operation(context, command.service, command.operation, command.input));
          return found->second->call(inner, command.operation, command.input);
        });
    if (result && context.deferred()) {
      const auto& [channel, until] = *context.deferred();
      if (until > now_) {
        kernel_.deferred.emplace(kernel_.deferred_next++,
                                 Deferred{std::move(command), channel, until});
        return;
      }
      last_attempt = true;
      continue;
    }
    if (result && context.successor()) {
      std::tie(command.operation, command.input) = *std::move(context.successor());
      continue;
    }
    replies_.push_back({std::move(command.reply), std::move(result)});
    return;
  }
}

void Kernel::Batch::run_outcome(const std::string& service, const Outcome& outcome) {
  const std::string key = effect_key(service, outcome.id);
  const std::optional<std::string> row = rows_.get(key);
  const auto found = kernel_.by_name.find(service);
  if (!row || found == kernel_.by_name.end()) return;  // Had its final outcome before.
  std::optional<json::object> effect = parse_effect_row(*row);
  if (outcome.final) rows_.erase(key);
  if (!effect) {
    kernel_.log("the effect " + key + " can't be read; its outcome is dropped");
    return;
  }
  Caller caller = take_place(service, *effect);
  const json::object* payload = find_object(*effect, "Payload");
  run_guarded("an outcome for " + service, found->second->name(), std::move(caller),
              [&](Context& context) {
                found->second->on_outcome(context, text_of(*effect, "Kind"),
                                          payload == nullptr ? json::object{} : *payload, outcome);
              });
}

void Kernel::Batch::wake_notified() {
  if (notified_.empty()) return;
  const std::set<std::string> channels{notified_.begin(), notified_.end()};
  notified_.clear();
  for (auto at = kernel_.deferred.begin(); at != kernel_.deferred.end();) {
    if (!channels.contains(at->second.channel)) {
      ++at;
      continue;
    }
    const Command& command = at->second.command;
    if (!command.abandoned || !command.abandoned())
      kernel_.commands.push_back({std::move(at->second.command), false});
    at = kernel_.deferred.erase(at);
  }
}

void Kernel::Batch::wake_expired() {
  for (auto at = kernel_.deferred.begin(); at != kernel_.deferred.end();) {
    const bool abandoned = at->second.command.abandoned && at->second.command.abandoned();
    if (!abandoned && at->second.until > now_) {
      ++at;
      continue;
    }
    if (!abandoned) kernel_.commands.push_back({std::move(at->second.command), true});
    at = kernel_.deferred.erase(at);
  }
}

// The batch -----------------------------------------------------------------------------------

void Kernel::Batch::start_services() {
  for (const auto& service : kernel_.services) {
    run_guarded("the start of " + std::string(service->name()), service->name(),
                service_caller(service->name()),
                [&](Context& context) { service->on_start(context); });
    deliver_events();
  }
}

void Kernel::Batch::run() {
  // Half of the fuel is for what came due, so that commands get their turn in every batch.
  while (!kernel_.outcomes.empty() && fuel_ > batch_fuel / 2) {
    --fuel_;
    Report report = std::move(kernel_.outcomes.front());
    kernel_.outcomes.pop_front();
    run_outcome(report.service, report.outcome);
    if (report.committed) committed_.push_back(std::move(report.committed));
    deliver_events();
  }
  fire_timers(batch_fuel / 2);
  wake_expired();
  while (!kernel_.commands.empty() && spend()) {
    Waiting next = std::move(kernel_.commands.front());
    kernel_.commands.pop_front();
    run_command(std::move(next));
    deliver_events();
  }
  fire_timers(0);
}

// Blobs, then the rows that name them.
Result<void> Kernel::Batch::write() {
  std::vector<std::string_view> blobs;
  for (const auto& [digest, bytes] : blobs_) blobs.emplace_back(bytes);
  if (!blobs.empty()) KIBAN_TRY_VOID(kernel_.options.blobs->put_all(blobs));
  if (rows_.writes().empty()) return {};
  return kernel_.store.commit(rows_.writes());
}

Result<void> Kernel::Batch::finish() {
  while (counts_delivered_ < counts_.size()) {
    deliver_counts();
    deliver_events();  // Rules that an event triggers are counted again.
  }
  keep_events();
  for (auto& [key, value] : std::exchange(kernel_.kept, {})) rows_.put(key, std::move(value));
  store::Batch denials;
  kernel_.decisions.drain(denials);
  for (auto& [key, value] : denials) value ? rows_.put(key, *std::move(value)) : rows_.erase(key);
  if (kernel_.options.keep_time && !rows_.writes().empty())
    rows_.put(time_row, std::to_string(milliseconds_of(now_)));
  std::map<std::pair<std::string_view, std::string_view>, std::size_t> last;
  for (std::size_t i = 0; i < effects_.size(); ++i) last[{effects_[i].service, effects_[i].id}] = i;
  if (!rows_.writes().empty() || !blobs_.empty()) {
    if (Result<void> committed = write(); !committed) {
      kernel_.failure = committed.error();
      for (Reply& reply : replies_)
        if (reply.to)
          reply.to(fail("ServiceUnavailable", "The store failed: " + committed.error().cause));
      return committed;
    }
    const auto wrote = [&](std::string_view prefix) {
      const auto first = rows_.writes().lower_bound(prefix);
      return first != rows_.writes().end() && first->first.starts_with(prefix);
    };
    if (wrote("timer/")) kernel_.refresh_next_due();
    if (wrote("effect/")) ++kernel_.effects_version;
    if (kernel_.options.committed) kernel_.options.committed(rows_.writes());
  }
  for (Reply& reply : replies_)
    if (reply.to) reply.to(std::move(reply.value));
  for (const std::function<void()>& committed : committed_) committed();
  if (kernel_.options.sink == nullptr) return {};
  for (std::size_t i = 0; i < effects_.size(); ++i)
    if (last[{effects_[i].service, effects_[i].id}] == i)
      kernel_.options.sink->perform(effects_[i]);
  return {};
}

}  // namespace kiban::kernel
