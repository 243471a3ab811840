// Rotation is kept and told, but there is no material to rotate: kiban serves no cryptographic
// operation.
#include <algorithm>

#include "services/kms/rows.h"

namespace kiban::services::kms {
namespace {

constexpr std::int64_t period_days_default = 365;
constexpr std::size_t on_demand_max = 25;  // Of a key: API_RotateKeyOnDemand.

Result<json::object> load_enabled(const Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_live(context, text(input, "KeyId")));
  if (!flag(metadata(row), "Enabled"))
    return fail("DisabledException", text(metadata(row), "Arn") + " is disabled.");
  return row;
}

Result<json::object> enable_rotation(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_enabled(context, input));
  const std::int64_t days =
      number(input, "RotationPeriodInDays", number(row, "Rotation", period_days_default));
  if (days < 90 || days > 2'560)
    return fail("ValidationException", "RotationPeriodInDays must be between 90 and 2560 days");
  if (!row.contains("Rotation") || number(row, "Rotation", 0) != days)
    row["RotationSince"] = epoch_seconds(context.now());
  row["Rotation"] = days;
  save(context, row);
  return json::object{};
}

Result<json::object> disable_rotation(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_enabled(context, input));
  row.erase("Rotation");
  row.erase("RotationSince");
  save(context, row);
  return json::object{};
}

// When the key was and will be rotated of itself: every period since it was enabled.
std::vector<Timestamp> automatic_rotations(const Context& context, const json::object& row) {
  std::vector<Timestamp> out;
  const json::value* since = find(row, "RotationSince");
  if (since == nullptr) return out;
  const std::chrono::days period{number(row, "Rotation", period_days_default)};
  Timestamp at = from_epoch_seconds(since->to_number<double>());
  do out.push_back(at += period);
  while (at <= context.now());
  return out;
}

Result<json::object> rotation_status(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_key(context, text(input, "KeyId")));
  const bool enabled =
      row.contains("Rotation") && text(metadata(row), "KeyState") != "PendingDeletion";
  json::object reply{{"KeyId", metadata(row).at("Arn")}, {"KeyRotationEnabled", enabled}};
  if (!enabled) return reply;
  reply["RotationPeriodInDays"] = row.at("Rotation");
  const auto rotations = automatic_rotations(context, row);
  if (!rotations.empty()) reply["NextRotationDate"] = epoch_seconds(rotations.back());
  return reply;
}

Result<json::object> rotate_now(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_enabled(context, input));
  json::array rotations;
  if (const json::array* before = find_array(row, "OnDemand")) rotations = *before;
  if (rotations.size() >= on_demand_max)
    return fail("LimitExceededException",
                fmt::format("The key was rotated on demand {} times.", on_demand_max));
  rotations.emplace_back(epoch_seconds(context.now()));
  row["OnDemand"] = std::move(rotations);
  save(context, row);
  return json::object{{"KeyId", metadata(row).at("Arn")}};
}

Result<json::object> list_rotations(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_key(context, text(input, "KeyId")));
  std::vector<std::pair<double, const char*>> found;
  for (const Timestamp at : automatic_rotations(context, row))
    if (at <= context.now()) found.emplace_back(epoch_seconds(at), "AUTOMATIC");
  const json::array* on_demand = find_array(row, "OnDemand");
  for (const json::value& at : on_demand ? *on_demand : json::array{})
    found.emplace_back(at.to_number<double>(), "ON_DEMAND");
  std::ranges::sort(found);
  json::array out;
  for (const auto& [at, type] : found)
    out.push_back(
        {{"KeyId", metadata(row).at("Arn")}, {"RotationDate", at}, {"RotationType", type}});
  return page_of(out, "Rotations", input);
}

}  // namespace

CheckedTable rotation_operations() {
  return {{"DisableKeyRotation", {disable_rotation, "KeyId"}},
          {"EnableKeyRotation", {enable_rotation, "KeyId RotationPeriodInDays"}},
          {"GetKeyRotationStatus", {rotation_status, "KeyId"}},
          {"ListKeyRotations", {list_rotations, "KeyId Limit Marker"}},
          {"RotateKeyOnDemand", {rotate_now, "KeyId"}}};
}

}  // namespace kiban::services::kms
