#include "services/rds/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>

#include "core/letters.h"

namespace kiban::services::rds {
namespace {

std::unexpected<Error> invalid_value(std::string cause) {
  return fail("InvalidParameterValue", std::move(cause));
}
std::unexpected<Error> invalid_combination(std::string cause) {
  return fail("InvalidParameterCombination", std::move(cause));
}

constexpr int day_minutes = 24 * 60;
constexpr int window_minutes_min = 30;

struct Window {
  int begin{0};  // Minutes of the day, or of the week.
  int length{0};
};

// "03:15": minutes of the day.
std::optional<int> minutes_of(std::string_view given) {
  if (given.size() != 5 || given[2] != ':') return std::nullopt;
  for (const int i : {0, 1, 3, 4})
    if (given[static_cast<std::size_t>(i)] < '0' || given[static_cast<std::size_t>(i)] > '9')
      return std::nullopt;
  const int hours = (given[0] - '0') * 10 + (given[1] - '0');
  const int minutes = (given[3] - '0') * 10 + (given[4] - '0');
  return hours < 24 && minutes < 60 ? std::optional(hours * 60 + minutes) : std::nullopt;
}

// "sun:03:15": minutes of the week.
std::optional<int> minutes_of_week(std::string_view given) {
  constexpr std::array<std::string_view, 7> days{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  if (given.size() != 9 || given[3] != ':') return std::nullopt;
  const auto* const day = std::ranges::find(days, lower_case(given.substr(0, 3)));
  const auto minutes = minutes_of(given.substr(4));
  if (day == days.end() || !minutes) return std::nullopt;
  return static_cast<int>(day - days.begin()) * day_minutes + *minutes;
}

template <typename Parse>
std::optional<Window> window_of(std::string_view given, const Parse& parse, int period) {
  const std::size_t dash = given.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto begin = parse(given.substr(0, dash));
  const auto end = parse(given.substr(dash + 1));
  if (!begin || !end) return std::nullopt;
  return Window{.begin = *begin, .length = (*end - *begin + period) % period};
}

bool overlap(const Window& backup, const Window& maintenance) {
  for (int day = -1; day <= 7; ++day) {
    const int begin = day * day_minutes + backup.begin;
    if (begin < maintenance.begin + maintenance.length && maintenance.begin < begin + backup.length)
      return true;
  }
  return false;
}

std::string either(const json::object& input, const json::object& row, std::string_view member) {
  return text(input, member, text(row, member));
}

Result<void> check_windows(const json::object& input, const json::object& row) {
  const std::string backup = either(input, row, "PreferredBackupWindow");
  const std::string maintenance = either(input, row, "PreferredMaintenanceWindow");
  const auto daily = window_of(backup, minutes_of, day_minutes);
  const auto weekly = window_of(maintenance, minutes_of_week, 7 * day_minutes);
  if (!backup.empty() && !daily)
    return invalid_value(fmt::format(
        "Invalid backup window format: {}. Should be specified as a range hh24:mi-hh24:mi (24H "
        "Clock UTC). Example: 04:52-05:22",
        backup));
  if (!maintenance.empty() && !weekly)
    return invalid_value(
        fmt::format("Invalid maintenance window format: {}. Should be specified as a range "
                    "ddd:hh24:mi-ddd:hh24:mi (24H Clock UTC). Example: Sun:23:45-Mon:00:15",
                    maintenance));
  if ((daily && daily->length < window_minutes_min) ||
      (weekly && weekly->length < window_minutes_min))
    return invalid_value("The backup and the maintenance window must be at least 30 minutes.");
  if (daily && weekly && overlap(*daily, *weekly))
    return invalid_value("The backup window and maintenance window must not overlap.");
  return {};
}

// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ServerlessV2ScalingConfiguration.html
Result<void> check_capacity(const json::object& input, const json::object& row) {
  const json::object* given = find_object(input, "ServerlessV2ScalingConfiguration");
  if (!given) return {};
  const json::object* before = find_object(row, "ServerlessV2ScalingConfiguration");
  const auto capacity = [&](std::string_view member) -> std::optional<double> {
    const json::value* value = find(*given, member);
    if (!value && before) value = find(*before, member);
    return value && value->is_number() ? std::optional(value->to_number<double>()) : std::nullopt;
  };
  const auto least = capacity("MinCapacity");
  const auto most = capacity("MaxCapacity");
  if (!least || !most)
    return invalid_value(
        "Both MinCapacity and MaxCapacity must be specified when you initialize Serverless v2 "
        "scaling configuration.");
  const auto halves = [](double value) { return value * 2 == std::floor(value * 2); };
  if (*least < 0 || *least > 256 || !halves(*least))
    return invalid_value(fmt::format(
        "Invalid minimum capacity {}: it must be from 0 to 256 in half-step increments.", *least));
  if (*most < 1 || *most > 256 || !halves(*most))
    return invalid_value(fmt::format(
        "Invalid maximum capacity {}: it must be from 1 to 256 in half-step increments.", *most));
  if (*least > *most)
    return invalid_combination("The minimum capacity can't be greater than the maximum capacity.");
  return {};
}

Result<void> check_log_types(const json::object& input, const json::object& row) {
  const json::object* change = find_object(input, "CloudwatchLogsExportConfiguration");
  for (const json::array* types : {find_array(input, "EnableCloudwatchLogsExports"),
                                   change ? find_array(*change, "EnableLogTypes") : nullptr}) {
    for (const json::value& type : types ? *types : json::array{})
      if (type != "postgresql")
        return invalid_combination(fmt::format(
            "You cannot use the log types '{}' with engine version aurora-postgresql {}. For "
            "supported log types, see the documentation.",
            std::string_view(type.as_string()), either(input, row, "EngineVersion")));
  }
  return {};
}

}  // namespace

Result<void> check_cluster_values(const json::object& input, const json::object& row) {
  const std::int64_t days = number(input, "BackupRetentionPeriod", 1);
  if (days < 1 || days > 35)
    return invalid_value(fmt::format(
        "Invalid backup retention period: {}. Retention period must be between 1 and 35", days));
  const std::string storage = text(input, "StorageType", "aurora");
  if (storage != "aurora" && storage != "aurora-iopt1")
    return invalid_value(fmt::format("Invalid storage type: {}", storage));
  if (row.empty() && input.contains("KmsKeyId") && !flag(input, "StorageEncrypted") &&
      !input.contains("SnapshotIdentifier"))
    return invalid_combination("KmsKeyId can be specified for an encrypted DB cluster only.");
  KIBAN_TRY_VOID(check_windows(input, row));
  KIBAN_TRY_VOID(check_capacity(input, row));
  return check_log_types(input, row);
}

namespace {

// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.DBInstanceClass.SupportAurora.html
Result<void> check_class(const std::string& wanted, const std::string& version) {
  constexpr std::array<std::string_view, 12> families{"t3",   "t4g", "r5",  "r6g", "r6i",  "r6gd",
                                                      "r6id", "r7g", "r7i", "r8g", "r8gd", "x2g"};
  // Classes that other engines have, or older versions.
  constexpr std::array<std::string_view, 21> others{
      "m3", "m4", "m5", "m5d", "m6g", "m6gd", "m6i", "m6id",  "m7g",    "m7i", "m8g",
      "t2", "r3", "r4", "r5b", "r5d", "x1",   "x1e", "x2idn", "x2iedn", "z1d"};
  constexpr std::array<std::string_view, 13> sizes{
      "micro",   "small",    "medium",   "large",    "xlarge",   "2xlarge", "4xlarge",
      "8xlarge", "12xlarge", "16xlarge", "24xlarge", "32xlarge", "48xlarge"};
  if (wanted == "db.serverless") return {};
  const std::string_view rest =
      std::string_view(wanted).substr(std::min<std::size_t>(3, wanted.size()));
  const std::size_t dot = std::min(rest.find('.'), rest.size());
  const std::string_view family = rest.substr(0, dot);
  const std::string_view size = rest.substr(std::min(dot + 1, rest.size()));
  const bool ours = std::ranges::find(families, family) != families.end();
  const bool known = ours || std::ranges::find(others, family) != others.end();
  if (!wanted.starts_with("db.") || !known || std::ranges::find(sizes, size) == sizes.end())
    return invalid_value(fmt::format("Invalid DB Instance class: {}", wanted));
  if (ours && size != "micro" && size != "small") return {};
  return invalid_combination(fmt::format(
      "RDS does not support creating a DB instance with the following combination: "
      "DBInstanceClass={}, Engine=aurora-postgresql, EngineVersion={}, "
      "LicenseModel=postgresql-license. For supported combinations of instance class and database "
      "engine version, see the documentation.",
      wanted, version));
}

}  // namespace

Result<void> check_instance_values(const json::object& input, const std::string& version) {
  KIBAN_TRY_VOID(check_class(text(input, "DBInstanceClass", "db.serverless"), version));
  const std::int64_t tier = number(input, "PromotionTier", 1);
  if (tier >= 0 && tier <= 15) return {};
  return invalid_value(fmt::format("Invalid promotion tier: {}. It must be from 0 to 15", tier));
}

Result<void> check_page(const json::object& input) {
  const std::int64_t records = number(input, "MaxRecords", 100);
  if (records >= 20 && records <= 100) return {};
  return invalid_value(
      fmt::format("Invalid value {} for MaxRecords. Must be between 20 and 100", records));
}

}  // namespace kiban::services::rds
