#include "services/events/archives.h"

#include <fmt/format.h>

#include "core/arn.h"
#include "patterns/pattern.h"
#include "services/base/table_service.h"
#include "services/events/names.h"

namespace kiban::services::events {
namespace {

constexpr std::size_t page_size = 100;
constexpr std::size_t archives_max = 100;  // Of one region.
constexpr std::chrono::hours sweep_interval{1};

std::unexpected<Error> no_archive(std::string_view name) {
  return fail("ResourceNotFoundException", fmt::format("Archive {} does not exist.", name));
}

std::string archived_prefix(const Context& context, std::string_view name) {
  return region_key(context, fmt::format("archived/{}/", name));
}

std::string sweep_timer(const Context& context, std::string_view name) {
  return fmt::format("archive/{}/{}", context.caller().region, name);
}

Result<json::object> load_archive(const Context& context, std::string_view name) {
  if (auto row = get_json(context, archive_key(context, name))) return *std::move(row);
  return no_archive(name);
}

json::object shown(const json::object& row) {
  json::object archive = row;
  for (const char* own : {"Bus", "Sequence"}) archive.erase(own);
  return archive;
}

void schedule_sweep(Context& context, const json::object& row) {
  const std::string name = text(row, "ArchiveName");
  if (number(row, "RetentionDays", 0) == 0)
    return context.cancel_timer("events", sweep_timer(context, name));
  context.set_timer("events", sweep_timer(context, name), context.now() + sweep_interval,
                    {{"Kind", "archive"},
                     {"Region", context.caller().region},
                     {"Account", context.caller().account},
                     {"Archive", name}});
}

// What is left out stays; an empty pattern takes all events.
Result<void> apply(json::object& row, const json::object& input) {
  for (const char* member : {"Description", "RetentionDays"})
    if (input.contains(member)) row[member] = input.at(member);
  if (!input.contains("EventPattern")) return {};
  const std::string pattern = text(input, "EventPattern");
  if (pattern.empty()) {
    row.erase("EventPattern");
    return {};
  }
  KIBAN_TRY_VOID(patterns::Pattern::parse(pattern));
  row["EventPattern"] = pattern;
  return {};
}

void save(Context& context, const json::object& row) {
  put_json(context, archive_key(context, text(row, "ArchiveName")), row);
  rules_changed(context);
  schedule_sweep(context, row);
}

json::object reply_of(const json::object& row) {
  return {{"ArchiveArn", row.at("ArchiveArn")},
          {"State", row.at("State")},
          {"CreationTime", row.at("CreationTime")}};
}

}  // namespace

std::string archive_arn(const Context& context, std::string_view name) {
  return make_arn(context, "events", fmt::format("archive/{}", name));
}
std::string archive_key(const Context& context, std::string_view name) {
  return region_key(context, fmt::format("archive/{}", name));
}

std::vector<json::object> archives_of(const Context& context, std::string_view bus) {
  std::vector<json::object> found;
  for (json::object& row : list_json(context, archive_key(context, "")))
    if (text(row, "Bus") == bus) found.push_back(std::move(row));
  return found;
}

void archive_event(Context& context, std::string_view name, const json::object& event) {
  auto row = get_json(context, archive_key(context, name));
  if (!row) return;
  const std::int64_t sequence = number(*row, "Sequence", 0) + 1;
  const auto time = parse_iso8601(text(event, "time"));
  const std::int64_t at = (time ? *time : context.now()).time_since_epoch().count();
  const json::object kept{{"Event", event}, {"Archived", context.now().time_since_epoch().count()}};
  put_json(context,
           fmt::format("{}{:015}{:020}", archived_prefix(context, name),
                       std::max<std::int64_t>(at, 0), sequence),
           kept);
  (*row)["Sequence"] = sequence;
  (*row)["EventCount"] = number(*row, "EventCount", 0) + 1;
  (*row)["SizeBytes"] =
      number(*row, "SizeBytes", 0) + static_cast<std::int64_t>(print_json(event).size());
  put_json(context, archive_key(context, name), *row);
}

void sweep_archive(Context& context, const json::object& payload) {
  auto row = get_json(context, archive_key(context, text(payload, "Archive")));
  const std::int64_t days = row ? number(*row, "RetentionDays", 0) : 0;
  if (days == 0) return;
  const std::int64_t oldest = (context.now() - std::chrono::days{days}).time_since_epoch().count();
  std::int64_t count = number(*row, "EventCount", 0);
  std::int64_t bytes = number(*row, "SizeBytes", 0);
  for (const store::Row& event :
       context.scan(archived_prefix(context, text(*row, "ArchiveName")))) {
    const json::object kept = object_of(event.key, event.value);
    if (number(kept, "Archived", 0) >= oldest) continue;
    --count;
    bytes -= static_cast<std::int64_t>(print_json(kept.at("Event")).size());
    context.erase(event.key);
  }
  (*row)["EventCount"] = std::max<std::int64_t>(count, 0);
  (*row)["SizeBytes"] = std::max<std::int64_t>(bytes, 0);
  put_json(context, archive_key(context, text(*row, "ArchiveName")), *row);
  schedule_sweep(context, *row);
}

Result<json::object> create_archive(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_members(input, "CreateArchive", {"KmsKeyIdentifier"}));
  const std::string name = text(input, "ArchiveName");
  const std::string source = text(input, "EventSourceArn");
  if (context.get(archive_key(context, name)))
    return fail("ResourceAlreadyExistsException", fmt::format("Archive {} already exists.", name));
  if (!is_bus_arn(source))
    return invalid("Parameter EventSourceArn is not valid. Reason: Must contain an event bus ARN.");
  KIBAN_TRY_VOID(check_bus(context, source));
  const std::string bus = bus_of({{"EventBusName", source}});
  KIBAN_TRY_VOID(load_bus(context, bus));
  if (context.scan(archive_key(context, "")).size() >= archives_max)
    return fail("LimitExceededException",
                "The requested resource exceeds the maximum number allowed.");
  json::object row{{"ArchiveArn", archive_arn(context, name)},
                   {"ArchiveName", name},
                   {"EventSourceArn", source},
                   {"State", "ENABLED"},
                   {"RetentionDays", 0},
                   {"SizeBytes", 0},
                   {"EventCount", 0},
                   {"CreationTime", epoch_seconds(context.now())},
                   {"Bus", bus}};
  KIBAN_TRY_VOID(apply(row, input));
  save(context, row);
  return reply_of(row);
}

Result<json::object> update_archive(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_members(input, "UpdateArchive", {"KmsKeyIdentifier"}));
  KIBAN_TRY(json::object row, load_archive(context, text(input, "ArchiveName")));
  KIBAN_TRY_VOID(apply(row, input));
  save(context, row);
  return reply_of(row);
}

Result<json::object> describe_archive(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_archive(context, text(input, "ArchiveName")));
  return shown(row);
}

Result<json::object> list_archives(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_filters(input, "ListArchives"));
  json::array all;
  for (const json::object& row :
       list_json(context, archive_key(context, text(input, "NamePrefix")))) {
    if (input.contains("EventSourceArn") &&
        text(row, "EventSourceArn") != text(input, "EventSourceArn"))
      continue;
    if (input.contains("State") && text(row, "State") != text(input, "State")) continue;
    json::object archive = shown(row);
    for (const char* member : {"ArchiveArn", "Description", "EventPattern"}) archive.erase(member);
    all.push_back(std::move(archive));
  }
  const auto limit = static_cast<std::size_t>(number(input, "Limit", page_size));
  KIBAN_TRY(Page page, paginate(all, limit, find_string(input, "NextToken")));
  json::object reply{{"Archives", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

Result<json::object> delete_archive(Context& context, const json::object& input) {
  const std::string name = text(input, "ArchiveName");
  KIBAN_TRY_VOID(load_archive(context, name));
  for (const store::Row& event : context.scan(archived_prefix(context, name)))
    context.erase(event.key);
  context.erase(archive_key(context, name));
  context.cancel_timer("events", sweep_timer(context, name));
  rules_changed(context);
  return json::object{};
}

}  // namespace kiban::services::events
