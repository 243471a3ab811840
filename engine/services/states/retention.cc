#include "services/states/retention.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/states/executions.h"
#include "services/states/names.h"

namespace kiban::services::states {
namespace {

constexpr Duration interval_min = std::chrono::seconds{1};
constexpr Duration interval_max = std::chrono::hours{24};
// Of one command: rows erased, and rows of the index read.
constexpr int erased_per_slice = 2'000;
constexpr int read_per_slice = 1'000;
constexpr std::size_t read_at_once = 100;

// What one slice may still do.
struct Budget {
  int erase{erased_per_slice};
  int read{read_per_slice};
  bool spent() const { return erase <= 0 || read <= 0; }
};

// Unlike get_json(): a damaged row must not end the pass.
std::optional<json::object> readable(const Context& context, std::string_view key) {
  const auto row = context.get(key);
  auto value = row ? parse_json(*row) : Result<json::value>{nullptr};
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

// False when the budget ended first.
bool erase_below(Context& context, const std::string& prefix, Budget& budget) {
  while (budget.erase > 0) {
    const auto rows = context.scan(prefix, {}, static_cast<std::size_t>(budget.erase));
    if (rows.empty()) return true;
    for (const store::Row& row : rows) context.erase(row.key);
    budget.erase -= static_cast<int>(rows.size());
  }
  return false;
}

bool erase_execution(Context& context, std::string_view arn, Budget& budget);

// Rows that lead to child executions, along with the children.
bool erase_children(Context& context, const std::string& prefix, Budget& budget) {
  while (budget.erase > 0) {
    const auto rows = context.scan(prefix, {}, read_at_once);
    if (rows.empty()) return true;
    for (const store::Row& row : rows) {
      if (!erase_execution(context, row.value, budget)) return false;
      context.erase(row.key);
      --budget.erase;
    }
  }
  return false;
}

bool erase_map_runs(Context& context, const std::string& path, Budget& budget) {
  if (!erase_children(context, row_key(context, "child", path + "/"), budget)) return false;
  for (const store::Row& row : context.scan(row_key(context, "mapruns", path + "/"))) {
    const auto run = readable(context, row.key);
    const std::string arn = run ? text(*run, "mapRunArn") : "";
    if (!arn.empty()) {
      // Children of runs that a retry replaced are in this index alone.
      const std::string group = execution_path(arn);
      if (!erase_children(context, row_key(context, "started", group + "/"), budget)) return false;
      context.erase(row_key(context, "maprun", group));
    }
    context.erase(row.key);
    budget.erase -= 2;
  }
  return true;
}

// The execution's own row goes last, so that a slice that ended early is taken up again.
bool erase_execution(Context& context, std::string_view arn, Budget& budget) {
  const std::string path = execution_path(arn);
  if (!erase_map_runs(context, path, budget)) return false;
  for (const auto* kind : {"history", "begin", "done", "unbegun", "stop", "call"})
    if (!erase_below(context, row_key(context, kind, path + "/"), budget)) return false;
  for (const auto* kind : {"ended", "execution"}) context.erase(row_key(context, kind, path));
  budget.erase -= 2;
  return true;
}

// The revisions of a machine that is gone, once no execution refers to them.
void erase_revisions(Context& context, const std::string& machine, Budget& budget) {
  if (context.get(row_key(context, "machine", machine))) return;
  for (const auto* kind : {"started", "execution"})
    if (!context.scan(row_key(context, kind, machine + "/"), {}, 1).empty()) return;
  (void)erase_below(context, row_key(context, "revision", machine + "/"), budget);
}

bool expired(const json::object& execution, Timestamp ended_before) {
  const json::value* stopped = find(execution, "stopDate");
  return text(execution, "status") != "RUNNING" && stopped != nullptr && stopped->is_number() &&
         from_epoch_seconds(stopped->to_number<double>()) <= ended_before;
}

// One row of the index. False: the budget ended before the execution was erased.
bool visit(Context& context, const store::Row& started, Timestamp ended_before, Budget& budget) {
  --budget.read;
  const std::string key = execution_key(context, started.value);
  auto execution = readable(context, key);
  // One that can't be read stays, as `kiban doctor` names it.
  if (!execution || !expired(*execution, ended_before)) return true;
  if (!erase_execution(context, started.value, budget)) {
    (*execution)[erasing_member] = true;
    put_json(context, key, *execution);
    return false;
  }
  context.erase(started.key);
  return true;
}

// MACHINE of "MACHINE/TIME/NAME", or MACHINE~LABEL/RUN of a map run's child.
std::string group_of(std::string_view place) {
  place = place.substr(0, place.rfind('/'));
  return std::string(place.substr(0, place.rfind('/')));
}

// Tokens whose execution is gone, and activity tasks whose execution runs no more, from `after` on,
// which is a row of `kind`. Where the next slice begins; nullopt at the end of these rows.
std::optional<std::string> sweep_left(Context& context, std::string_view kind,
                                      std::string_view needs, const std::string& after) {
  const std::string prefix = row_key(context, kind, "");
  const auto rows = context.scan(prefix, after.starts_with(prefix) ? after : std::string(),
                                 static_cast<std::size_t>(read_per_slice));
  for (const store::Row& row : rows) {
    const auto fields = readable(context, row.key);
    if (!fields) continue;
    const std::string path = execution_path(text(*fields, "Execution"));
    if (!context.get(row_key(context, needs, path))) context.erase(row.key);
  }
  if (rows.size() < static_cast<std::size_t>(read_per_slice)) return std::nullopt;
  return rows.back().key;
}

// Walks the index from `after` on. Where the next slice begins; nullopt at the end of the pass.
std::optional<std::string> sweep(Context& context, std::string after, Timestamp ended_before) {
  const std::string prefix = row_key(context, "started", "");
  Budget budget;
  while (!budget.spent()) {
    const auto next = context.scan(prefix, after, 1);
    if (next.empty()) return std::nullopt;
    --budget.read;
    const std::string group = group_of(std::string_view(next[0].key).substr(prefix.size()));
    const std::string behind = prefix + group + "0";  // '0' follows on '/'.
    if (group.find('~') != std::string::npos) {       // Children go with their parents.
      after = behind;
      continue;
    }
    // Newest first: what began later than this can't have ended before.
    const std::string from =
        prefix + fmt::format("{}/{:016}", group,
                             9'999'999'999'999'999 - ended_before.time_since_epoch().count());
    const auto rows = context.scan(prefix + group + "/", std::max(after, from), read_at_once);
    for (const store::Row& row : rows) {
      if (!visit(context, row, ended_before, budget)) return after;
      after = row.key;
      if (budget.spent()) return after;
    }
    if (rows.size() == read_at_once) continue;
    erase_revisions(context, group, budget);
    after = behind;
  }
  return after;
}

// All that a pass walks: executions, then tokens, then activity tasks.
std::optional<std::string> sweep_all(Context& context, const std::string& after,
                                     Timestamp ended_before) {
  const std::string tokens = row_key(context, "token", "");
  const std::string pending = row_key(context, "pending", "");
  if (!after.starts_with(tokens) && !after.starts_with(pending)) {
    auto next = sweep(context, after, ended_before);
    return next ? next : tokens;
  }
  if (after.starts_with(tokens)) {
    auto next = sweep_left(context, "token", "execution", after);
    return next ? next : pending;
  }
  return sweep_left(context, "pending", "live", after);
}

// Whether the region has anything that a pass could erase.
bool has_rows(const Context& context, std::string_view region) {
  for (const auto* kind : {"started", "token", "pending"})
    if (!context.scan(fmt::format("states/{}/{}/", region, kind), {}, 1).empty()) return true;
  return false;
}

}  // namespace

Duration Retention::interval() const {
  return std::clamp(*period_ / 10, interval_min, interval_max);
}

void Retention::set_timer(Context& context, const std::string& region, const std::string& account,
                          Timestamp at, const std::string& after) {
  context.set_timer("states", "retention/" + region, at,
                    {{"Retention", {{"After", after}}}, {"Region", region}, {"Account", account}});
  armed_.insert(region);
}

void Retention::on_start(Context& context) {
  if (!period_) return;
  std::string after;
  for (;;) {
    const auto row = context.scan("states/", after, 1);
    if (row.empty()) return;
    const std::string rest = row[0].key.substr(std::string_view("states/").size());
    const std::string region = rest.substr(0, rest.find('/'));
    if (has_rows(context, region))
      set_timer(context, region, context.caller().account, context.now(), "");
    after = fmt::format("states/{}0", region);  // '0' follows on '/'.
  }
}

void Retention::on_ended(Context& context, const std::string& region, const std::string& account) {
  if (!period_ || armed_.contains(region)) return;
  set_timer(context, region, account, context.now() + interval(), "");
}

void Retention::on_timer(Context& context, const json::object& payload) {
  const services::Caller& caller = context.caller();
  armed_.erase(caller.region);
  if (!period_) return;
  const json::object* place = find_object(payload, "Retention");
  const auto next =
      sweep_all(context, place == nullptr ? "" : text(*place, "After"), context.now() - *period_);
  if (next) return set_timer(context, caller.region, caller.account, context.now(), *next);
  if (has_rows(context, caller.region))
    set_timer(context, caller.region, caller.account, context.now() + interval(), "");
}

}  // namespace kiban::services::states
