#include "services/rds/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/arn.h"
#include "core/letters.h"
#include "services/rds/checks.h"

namespace kiban::services::rds {
namespace {

constexpr std::size_t page_default = 100;
constexpr std::size_t events_max = 1'000;
constexpr std::chrono::days event_life{14};
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEvents.html
constexpr std::chrono::minutes events_span_default{60};

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }
bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

struct Kind {
  std::string_view kind{};
  std::string_view id_member{};
  std::string_view arn_member{};
  std::string_view source_type{};  // Of DescribeEvents.
  std::string_view missing{};
};

constexpr Kind kinds[] = {
    {"cluster", "DBClusterIdentifier", "DBClusterArn", "db-cluster", "DBClusterNotFoundFault"},
    {"db", "DBInstanceIdentifier", "DBInstanceArn", "db-instance", "DBInstanceNotFoundFault"},
    {"subgrp", "DBSubnetGroupName", "DBSubnetGroupArn", "", "DBSubnetGroupNotFoundFault"},
    {"cluster-snapshot", "DBClusterSnapshotIdentifier", "DBClusterSnapshotArn",
     "db-cluster-snapshot", "DBClusterSnapshotNotFoundFault"},
};

struct Tagged {
  std::string key{};
  json::object row{};
};

// arn:aws:rds:REGION:ACCOUNT:KIND:NAME
Result<Tagged> load_tagged(const Context& context, const json::object& input) {
  const std::string arn = text(input, "ResourceName");
  const std::size_t colon = arn.rfind(':');
  for (const Kind& kind : kinds) {
    if (colon == std::string::npos ||
        !arn.substr(0, colon).ends_with(fmt::format(":{}", kind.kind)))
      continue;
    Tagged found{.key = row_key(context, kind.kind, name_of(arn))};
    auto row = get_json(context, found.key);
    if (!row || text(*row, kind.arn_member) != arn)
      return fail(std::string(kind.missing), fmt::format("{} is not there", arn));
    found.row = *std::move(row);
    return found;
  }
  return fail("InvalidParameterValue", fmt::format("Invalid resource name: {}", arn));
}

bool passes(const json::object& row, const json::object& input) {
  const json::array* filters = find_array(input, "Filters");
  for (const json::value& filter : filters ? *filters : json::array{}) {
    const json::array* values = find_array(filter.as_object(), "Values");
    const std::string id = text(row, "DBClusterIdentifier");
    const bool any = values && std::ranges::any_of(*values, [&](const json::value& value) {
                       return name_of(value.as_string()) == id;
                     });
    if (!any) return false;
  }
  return true;
}

Result<void> check_filters(const json::object& input) {
  const json::array* filters = find_array(input, "Filters");
  for (const json::value& filter : filters ? *filters : json::array{}) {
    const std::string name = text(filter.as_object(), "Name");
    if (name != "db-cluster-id")
      return fail("InvalidParameterValue",
                  fmt::format("Unrecognized filter name: {}. kiban knows db-cluster-id", name));
  }
  return {};
}

Result<json::object> page_of(const json::object& input, std::string_view member,
                             const json::array& all) {
  KIBAN_TRY_VOID(check_page(input));
  auto page = paginate(all, static_cast<std::size_t>(number(input, "MaxRecords", page_default)),
                       find_string(input, "Marker"));
  if (!page) return fail("InvalidParameterValue", page.error().cause);
  json::object out{{member, page->entries}};
  if (page->next_token) out["Marker"] = *page->next_token;
  return out;
}

bool is_nothing(const json::value& value) {
  return (value.is_bool() && !value.get_bool()) || (value.is_int64() && value.get_int64() == 0);
}

}  // namespace

std::string row_key(const Context& context, std::string_view kind, std::string_view name) {
  return fmt::format("rds/{}/{}/{}", context.caller().region, kind, name);
}

std::string name_of(std::string_view id) {
  if (id.starts_with("arn:")) id = id.substr(id.rfind(':') + 1);
  return lower_case(id);
}

json::object described(const json::object& row) {
  json::object out = row;
  out.erase("Kiban");
  return out;
}

Result<void> check_identifier(std::string_view member, std::string_view value) {
  const bool valid =
      !value.empty() && value.size() <= 63 && is_letter(value.front()) && value.back() != '-' &&
      value.find("--") == std::string_view::npos &&
      std::ranges::all_of(value, [](char c) { return is_alphanumeric(c) || c == '-'; });
  if (valid) return {};
  return fail(
      "InvalidParameterValue",
      fmt::format("The parameter {} is not a valid identifier. Identifiers must begin with "
                  "a letter; must contain only ASCII letters, digits, and hyphens; and must "
                  "not end with a hyphen or contain two consecutive hyphens.",
                  member));
}

Result<void> check_engine(const json::object& input) {
  const std::string engine = text(input, "Engine", postgres_engine);
  if (engine == postgres_engine) return {};
  return fail("InvalidParameterValue",
              fmt::format("kiban runs the engine {} only, not '{}'", postgres_engine, engine));
}

Result<void> check_engine_version(std::string_view version) {
  const std::string_view minor = version.size() > 3 ? version.substr(3) : "";
  const bool known = (version.starts_with("15.") || version.starts_with("16.")) && !minor.empty() &&
                     std::ranges::all_of(
                         minor, [](char c) { return std::isdigit(static_cast<unsigned char>(c)); });
  if (known || version == "15" || version == "16") return {};
  return fail("InvalidParameterCombination",
              fmt::format("Cannot find version {} for {}: kiban knows 15.x and 16.x", version,
                          postgres_engine));
}

Result<void> refuse_unknown(std::string_view operation, const json::object& input,
                            std::initializer_list<std::string_view> known) {
  for (const auto& [member, value] : input) {
    if (std::ranges::find(known, std::string_view(member)) != known.end() || is_nothing(value))
      continue;
    return fail("InvalidParameterCombination",
                fmt::format("kiban does not honour {} of {}", std::string_view(member), operation));
  }
  return {};
}

void copy_members(json::object& to, const json::object& from,
                  std::initializer_list<std::string_view> members) {
  for (const std::string_view member : members)
    if (const json::value* value = find(from, member)) to[member] = *value;
}

json::array tags_of(const json::object& input) {
  const json::array* tags = find_array(input, "Tags");
  return tags ? *tags : json::array{};
}

Result<json::object> add_tags(Context& context, const json::object& input) {
  KIBAN_TRY(Tagged tagged, load_tagged(context, input));
  json::array& all = tagged.row["TagList"].as_array();
  for (const json::value& tag : tags_of(input)) {
    const auto same = std::ranges::find_if(all, [&](const json::value& other) {
      return text(other.as_object(), "Key") == text(tag.as_object(), "Key");
    });
    if (same != all.end())
      *same = tag;
    else
      all.push_back(tag);
  }
  put_json(context, tagged.key, tagged.row);
  return json::object{};
}

Result<json::object> remove_tags(Context& context, const json::object& input) {
  KIBAN_TRY(Tagged tagged, load_tagged(context, input));
  const json::array* keys = find_array(input, "TagKeys");
  json::array kept;
  for (const json::value& tag : tagged.row["TagList"].as_array())
    if (!keys || std::ranges::find(*keys, tag.at("Key")) == keys->end()) kept.push_back(tag);
  tagged.row["TagList"] = std::move(kept);
  put_json(context, tagged.key, tagged.row);
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const Tagged tagged, load_tagged(context, input));
  return json::object{{"TagList", tagged.row.at("TagList")}};
}

Result<json::object> list_rows(Context& context, const json::object& input, const Listing& listing,
                               Describe describe) {
  KIBAN_TRY_VOID(check_filters(input));
  json::array all;
  if (!listing.name.empty()) {
    const auto row = get_json(context, row_key(context, listing.kind, name_of(listing.name)));
    if (!row)
      return fail(std::string(listing.missing),
                  fmt::format("{} {} not found.",
                              listing.kind == "cluster"  ? "DBCluster"
                              : listing.kind == "db"     ? "DBInstance"
                              : listing.kind == "subgrp" ? "DB subnet group"
                                                         : "DBClusterSnapshot",
                              name_of(listing.name)));
    if (passes(*row, input)) all.push_back(describe(context, *row));
  } else {
    for (const json::object& row : list_json(context, row_key(context, listing.kind, "")))
      if (passes(row, input)) all.push_back(describe(context, row));
  }
  return page_of(input, listing.member, all);
}

namespace {

// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.sample.html
void publish_event(Context& context, const Kind& kind, const json::object& row,
                   std::string_view category, std::string_view message) {
  const bool cluster = kind.kind == "cluster";
  const auto arn = parse_arn(text(row, kind.arn_member));
  if (!arn) return;
  context.publish({.source = "aws.rds",
                   .detail_type = cluster ? "RDS DB Cluster Event" : "RDS DB Instance Event",
                   .region = arn->region,
                   .account = arn->account,
                   .resources = {text(row, kind.arn_member)},
                   .detail = {{"EventCategories", {category}},
                              {"SourceType", cluster ? "CLUSTER" : "DB_INSTANCE"},
                              {"SourceArn", text(row, kind.arn_member)},
                              {"Date", format_iso8601(context.now())},
                              {"Message", message},
                              {"SourceIdentifier", text(row, kind.id_member)}}});
}

}  // namespace

void record_event(Context& context, std::string_view kind, const json::object& row,
                  std::string_view category, std::string_view message) {
  const auto* found = std::ranges::find(kinds, kind, &Kind::kind);
  publish_event(context, *found, row, category, message);
  const std::string arn = text(row, found->arn_member);
  // The resource's region; an outcome has none of its own.
  const std::string region = arn.substr(12, arn.find(':', 12) - 12);  // Behind arn:aws:rds:
  const std::string prefix = fmt::format("rds/{}/event/", region);
  const std::vector<store::Row> old = context.scan(prefix);
  const std::string stale =
      fmt::format("{}{:015}", prefix, (context.now() - event_life).time_since_epoch().count());
  for (std::size_t i = 0; i < old.size(); ++i)
    if (old[i].key < stale || i + events_max <= old.size()) context.erase(old[i].key);
  put_json(context,
           fmt::format("{}{:015}-{}", prefix, context.now().time_since_epoch().count(),
                       context.random().hex(8)),
           {{"SourceIdentifier", text(row, found->id_member)},
            {"SourceType", found->source_type},
            {"Message", message},
            {"EventCategories", {category}},
            {"Date", epoch_seconds(context.now())},
            {"SourceArn", arn}});
}

Result<json::object> describe_events(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_unknown("DescribeEvents", input,
                                {"SourceIdentifier", "SourceType", "StartTime", "EndTime",
                                 "Duration", "EventCategories", "MaxRecords", "Marker"}));
  if (input.contains("SourceIdentifier") && !input.contains("SourceType"))
    return fail("InvalidParameterCombination",
                "SourceType must also be provided when SourceIdentifier is provided.");
  const auto seconds = [&](std::string_view member, double fallback) {
    const json::value* value = find(input, member);
    return value && value->is_number() ? value->to_number<double>() : fallback;
  };
  const double end = seconds("EndTime", epoch_seconds(context.now()));
  const double span =
      60.0 * static_cast<double>(number(input, "Duration", events_span_default.count()));
  const double start = seconds("StartTime", end - span);
  const json::array* categories = find_array(input, "EventCategories");
  json::array all;
  for (const json::object& event : list_json(context, row_key(context, "event", ""))) {
    const double date = event.at("Date").to_number<double>();
    const std::string id = text(input, "SourceIdentifier");
    if (date < start || date > end) continue;
    if (!id.empty() && text(event, "SourceIdentifier") != name_of(id)) continue;
    if (text(input, "SourceType", text(event, "SourceType")) != text(event, "SourceType")) continue;
    const json::value& category = event.at("EventCategories").as_array().front();
    if (categories && std::ranges::find(*categories, category) == categories->end()) continue;
    all.push_back(event);
  }
  return page_of(input, "Events", all);
}

}  // namespace kiban::services::rds
