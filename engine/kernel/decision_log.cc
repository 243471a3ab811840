#include "kernel/decision_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace kiban::kernel {

namespace {

std::string denial_key(std::uint64_t id) {
  return fmt::format("{}{}", denial_prefix, print_decision_id(id));
}

bool is_of_role(const json::object& decision, std::string_view role) {
  if (role.empty()) return true;
  const json::string* principal = kiban::find_string(decision, "principal");
  if (principal == nullptr) return false;
  const std::string_view arn(*principal);
  return arn == role ||
         (arn.find(":role/") != std::string_view::npos && arn.substr(arn.rfind('/') + 1) == role);
}

}  // namespace

std::string print_decision_id(std::uint64_t id) { return fmt::format("{:016x}", id); }

json::object print_decision(const DecisionRecord& record) {
  json::object keys;
  for (const services::ConditionKey& key : record.keys) {
    json::array values;
    for (const std::string& value : key.values) values.emplace_back(value);
    keys[key.name] = std::move(values);
  }
  json::array statements;
  for (const DecidingStatement& each : record.statements)
    statements.push_back(
        json::object{{"policy", each.policy}, {"index", each.index}, {"sid", each.sid}});
  json::array missing;
  for (const std::string_view each : record.missing) missing.emplace_back(each);
  return {{"id", print_decision_id(record.id)},
          {"time", static_cast<double>(record.time.time_since_epoch().count()) / 1'000},
          {"principal", record.principal},
          {"session", record.session},
          {"actsFor", record.acts_for},
          {"accessKeyId", record.access_key_id},
          {"action", record.action},
          {"resource", record.resource},
          {"keys", std::move(keys)},
          {"verdict", iam::verdict_name(record.verdict)},
          {"enforced", record.enforced},
          {"statements", std::move(statements)},
          {"missing", std::move(missing)},
          {"text", record.text}};
}

DecisionLog::DecisionLog(const store::Store& store) {
  for (const store::Row& row : store.scan(denial_prefix, {}, SIZE_MAX)) {
    const std::string_view digits = std::string_view(row.key).substr(denial_prefix.size());
    std::uint64_t id = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), id, 16);
    if (read.ec == std::errc{} && read.ptr == digits.data() + digits.size()) denials_.push_back(id);
  }
  if (!denials_.empty()) last_ = denials_.back();
}

void DecisionLog::add(DecisionRecord record) {
  // Milliseconds with room for a million decisions in each: ids ascend across restarts too, though
  // those of allowed decisions are not kept.
  const auto milliseconds =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, record.time.time_since_epoch().count()));
  last_ = std::max(last_ + 1, milliseconds << 20U);
  record.id = last_;
  if (record.verdict != iam::Verdict::Allowed) unwritten_.push_back(record);
  if (recent_.size() == allowed_kept) recent_.pop_front();
  recent_.push_back(std::move(record));
}

void DecisionLog::drain(store::Batch& rows) {
  // Of more than are kept in one batch only the last are written.
  const std::size_t skipped =
      unwritten_.size() > denials_kept ? unwritten_.size() - denials_kept : 0;
  for (std::size_t i = skipped; i < unwritten_.size(); ++i) {
    rows[denial_key(unwritten_[i].id)] = print_json(print_decision(unwritten_[i]));
    denials_.push_back(unwritten_[i].id);
  }
  unwritten_.clear();
  for (; denials_.size() > denials_kept; denials_.pop_front())
    rows[denial_key(denials_.front())] = std::nullopt;
}

std::vector<json::object> DecisionLog::find(const store::Store& store, const Query& query) const {
  std::vector<json::object> found;
  const auto add = [&](json::object decision) {
    if (found.size() < query.limit && is_of_role(decision, query.role))
      found.push_back(std::move(decision));
  };
  const auto recent_from = [&](std::string_view after) {
    for (const DecisionRecord& record : recent_) {
      if (found.size() >= query.limit) return;
      if (print_decision_id(record.id) <= after) continue;
      if (query.denied && record.verdict == iam::Verdict::Allowed) continue;
      add(print_decision(record));
    }
  };
  // Rows first, up to where the decisions in memory begin.
  const std::string oldest = recent_.empty() ? "" : print_decision_id(recent_.front().id);
  std::string from = fmt::format("{}{}", denial_prefix, query.after);
  for (bool more = true; more && found.size() < query.limit;) {
    constexpr std::size_t chunk = 500;
    const std::vector<store::Row> rows = store.scan(denial_prefix, from, chunk);
    more = rows.size() == chunk;
    for (const store::Row& row : rows) {
      if (!oldest.empty() && std::string_view(row.key).substr(denial_prefix.size()) >= oldest) {
        more = false;
        break;
      }
      const Result<json::value> read = parse_json(row.value);
      if (read && read->is_object()) add(read->get_object());
      from = row.key;
    }
  }
  recent_from(query.after);
  return found;
}

}  // namespace kiban::kernel
