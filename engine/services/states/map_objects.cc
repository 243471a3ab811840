#include "services/states/map_objects.h"

#include <fmt/format.h>

#include <map>

#include "services/base/bulk.h"
#include "services/base/table_service.h"
#include "services/states/integrations.h"
#include "services/states/item_reader.h"

namespace kiban::services::states {
namespace {

constexpr std::string_view reader_failed = "States.ItemReaderFailed";
constexpr std::string_view writer_failed = "States.ResultWriterFailed";
constexpr std::size_t objects_max = 1'000'000;  // Our own bound on a listing.

Result<std::string> read_object(Context& context, const json::object& request, const Caller& as) {
  const auto object = context.call("s3", "GetObject", request, as);
  if (!object) return fail(std::string(reader_failed), object.error().cause);
  const json::object* body = find_object(*object, "Body");
  if (!body) return std::string();
  auto bytes = read_bulk(context, *body);
  if (!bytes) return fail(std::string(reader_failed), bytes.error().cause);
  return bytes;
}

// Members as AWS's items have them, recorded: test_map_item_reader_base_list_objects_v2.
json::object listed_item(const json::object& object) {
  return {{"Etag", text(object, "ETag")},
          {"LastModified", number(object, "LastModified", 0)},
          {"Key", text(object, "Key")},
          {"Size", number(object, "Size", 0)},
          {"StorageClass", text(object, "StorageClass", "STANDARD")}};
}

Result<json::array> list_objects(Context& context, json::object request, const Caller& as) {
  json::array items;
  while (true) {
    const auto page = context.call("s3", "ListObjectsV2", request, as);
    if (!page) return fail(std::string(reader_failed), page.error().cause);
    if (const json::array* contents = find_array(*page, "Contents")) {
      for (const json::value& object : *contents) items.push_back(listed_item(object.as_object()));
    }
    if (!flag(*page, "IsTruncated") || items.size() >= objects_max) return items;
    request["ContinuationToken"] = page->at("NextContinuationToken");
  }
}

void append(json::array& all, json::value items) {
  if (json::array* array = items.if_array()) {
    for (json::value& item : *array) all.push_back(std::move(item));
  } else if (json::object* object = items.if_object()) {
    for (auto& member : *object)
      all.push_back({{"Key", member.key()}, {"Value", std::move(member.value())}});
  }
}

// Items are read up to MaxItems: 0 and absent mean all of them.
struct Reading {
  const json::object& config;
  const Caller& as;
  std::size_t items_max{SIZE_MAX};

  bool enough(const json::array& items) const { return items.size() >= items_max; }
};

Reading reading_of(const json::object& config, const Caller& as) {
  const std::int64_t most = number(config, "MaxItems", 0);
  return {.config = config,
          .as = as,
          .items_max = most > 0 ? static_cast<std::size_t>(most) : SIZE_MAX};
}

Result<std::string> read_unpacked(Context& context, const json::object& request, const Caller& as) {
  KIBAN_TRY(std::string bytes, read_object(context, request, as));
  return unpack(std::move(bytes));
}

// The manifest.json of an S3 inventory in CSV, whose files are gzipped.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
Result<json::value> read_inventory(Context& context, std::string_view manifest_text,
                                   const Reading& reading) {
  const auto manifest = parse_json(manifest_text);
  const json::object* object = manifest ? manifest->if_object() : nullptr;
  const json::array* files = object ? find_array(*object, "files") : nullptr;
  if (!files) return fail(std::string(reader_failed), "The manifest has no list of files");
  if (text(*object, "fileFormat", "CSV") != "CSV")
    return fail(std::string(reader_failed),
                fmt::format("kiban reads inventories in CSV alone, not in {}",
                            text(*object, "fileFormat")));
  KIBAN_TRY(const auto schema, parse_csv(text(*object, "fileSchema"), ','));
  json::array headers;
  for (const std::string& name : schema.empty() ? std::vector<std::string>{} : schema[0])
    headers.emplace_back(name.substr(std::min(name.find_first_not_of(' '), name.size())));
  std::string bucket = text(*object, "destinationBucket");
  if (const std::size_t colon = bucket.rfind(':'); colon != std::string::npos)
    bucket.erase(0, colon + 1);
  const json::object config{
      {"InputType", "CSV"}, {"CSVHeaderLocation", "GIVEN"}, {"CSVHeaders", headers}};
  json::array items;
  for (const json::value& file : *files) {
    if (reading.enough(items)) break;
    const json::object* entry = file.if_object();
    if (!entry) return fail(std::string(reader_failed), "A file of the manifest is no object");
    KIBAN_TRY(
        const std::string bytes,
        read_unpacked(context, {{"Bucket", bucket}, {"Key", text(*entry, "key")}}, reading.as));
    KIBAN_TRY(json::value rows, parse_items(bytes, config));
    append(items, std::move(rows));
  }
  return json::value(std::move(items));
}

// What Athena's UNLOAD leaves: a line for each data file, s3://bucket/key. InputType says what they
// hold. https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
Result<json::value> read_athena(Context& context, std::string_view manifest,
                                const Reading& reading) {
  constexpr std::string_view scheme = "s3://";
  KIBAN_TRY(const auto lines, parse_csv(manifest, ','));
  json::array items;
  for (const std::vector<std::string>& line : lines) {
    if (reading.enough(items)) break;
    const std::string& uri = line[0];
    const std::size_t slash = uri.find('/', std::min(scheme.size(), uri.size()));
    if (!uri.starts_with(scheme) || slash == std::string::npos)
      return fail(std::string(reader_failed),
                  fmt::format("A line of the manifest is no s3://bucket/key: {}", uri));
    KIBAN_TRY(const std::string bytes,
              read_unpacked(context,
                            {{"Bucket", uri.substr(scheme.size(), slash - scheme.size())},
                             {"Key", uri.substr(slash + 1)}},
                            reading.as));
    KIBAN_TRY(json::value rows, parse_items(bytes, reading.config));
    append(items, std::move(rows));
  }
  return json::value(std::move(items));
}

// S3_INVENTORY comes without an InputType, or with MANIFEST, as before there was a ManifestType.
Result<json::value> read_one(Context& context, const json::object& request,
                             const Reading& reading) {
  KIBAN_TRY(const std::string bytes, read_unpacked(context, request, reading.as));
  const std::string manifest = text(reading.config, "ManifestType");
  if (manifest == "ATHENA_DATA") return read_athena(context, bytes, reading);
  if (manifest == "S3_INVENTORY" || text(reading.config, "InputType") == "MANIFEST")
    return read_inventory(context, bytes, reading);
  return parse_items(bytes, reading.config);
}

// --- Results -------------------------------------------------------------------------------------

std::string stamp(const json::object& child, std::string_view member) {
  const json::value* seconds = find(child, member);
  return seconds ? format_iso8601(from_epoch_seconds(seconds->to_number<double>())) : std::string();
}

json::object child_details(const json::object& child) {
  const std::string status = text(child, "status");
  json::object out{{"ExecutionArn", text(child, "executionArn")},
                   {"Input", text(child, "input")},
                   {"InputDetails", {{"Included", true}}},
                   {"Name", text(child, "name")},
                   {"StateMachineArn", text(child, "stateMachineArn")},
                   {"StartDate", stamp(child, "startDate")},
                   {"Status", status}};
  if (child.contains("stopDate")) out["StopDate"] = stamp(child, "stopDate");
  if (child.contains("output")) {
    out["Output"] = text(child, "output");
    out["OutputDetails"] = {{"Included", true}};
  }
  if (child.contains("error")) out["Error"] = text(child, "error");
  if (child.contains("cause")) out["Cause"] = text(child, "cause");
  out["RedriveCount"] = 0;
  const bool failed = status != "SUCCEEDED" && status != "RUNNING";
  out["RedriveStatus"] = failed ? "REDRIVABLE_BY_MAP_RUN" : "NOT_REDRIVABLE";
  if (!failed)
    out["RedriveStatusReason"] = fmt::format("Execution is {} and cannot be redriven", status);
  return out;
}

// NONE: what happened to each child; COMPACT: their outputs; FLATTEN: these, arrays unrolled.
json::array transformed(const std::vector<json::object>& children,
                        const std::string& transformation) {
  json::array out;
  for (const json::object& child : children) {
    if (transformation == "NONE" || !child.contains("output")) {
      out.push_back(child_details(child));
      continue;
    }
    auto output = parse_json(text(child, "output"));
    if (!output) continue;
    json::array* inner = output->if_array();
    if (transformation == "FLATTEN" && inner) {
      for (json::value& element : *inner) out.push_back(std::move(element));
    } else {
      out.push_back(*std::move(output));
    }
  }
  return out;
}

std::string written(const json::array& results, bool lines) {
  if (!lines) return print_json(results);
  std::string out;
  for (const json::value& result : results) out += print_json(result) + "\n";
  return out;
}

}  // namespace

Result<json::value> read_items(Context& context, const asl::ReadItems& reading, const Caller& as) {
  if (reading.resource.service != "s3")
    return fail(std::string(reader_failed),
                fmt::format("kiban does not read items by {}", reading.resource.arn));
  const auto request = request_of("s3", reading.resource.action, reading.parameters.tree());
  if (!request)
    return fail(std::string(reader_failed), "The parameters of the ItemReader must be an object");
  const Reading all = reading_of(reading.config, as);
  if (reading.resource.action != "listObjectsV2") return read_one(context, *request, all);
  KIBAN_TRY(json::array listed, list_objects(context, *request, as));
  if (text(reading.config, "Transformation") != "LOAD_AND_FLATTEN")
    return json::value(std::move(listed));
  json::array items;
  for (const json::value& object : listed) {
    if (all.enough(items)) break;
    KIBAN_TRY(
        json::value loaded,
        read_one(context, {{"Bucket", request->at("Bucket")}, {"Key", object.at("Key")}}, all));
    append(items, std::move(loaded));
  }
  return json::value(std::move(items));
}

Result<json::value> write_results(Context& context, const asl::WriteResults& writing,
                                  const std::vector<json::object>& children, const Caller& as) {
  const bool exports = !writing.resource.action.empty();
  const std::string transformation =
      text(writing.config, "Transformation", exports ? "NONE" : "COMPACT");
  std::vector<json::object> good;
  std::vector<json::object> bad;
  for (const json::object& child : children)
    (text(child, "status") == "SUCCEEDED" ? good : bad).push_back(child);
  if (!exports) return json::value(transformed(good, transformation));
  const json::value parameters = writing.parameters.tree();
  const json::object* given = parameters.if_object();
  const std::string bucket = given ? text(*given, "Bucket") : std::string();
  const std::string prefix = given ? text(*given, "Prefix") : std::string();
  const bool lines = text(writing.config, "OutputType", "JSON") == "JSONL";
  const std::string folder =
      fmt::format("{}{}{}/", prefix, prefix.empty() ? "" : "/",
                  writing.map_run_arn.substr(writing.map_run_arn.rfind(':') + 1));
  const auto put = [&](const std::string& key, const std::string& bytes) -> Result<void> {
    const auto done =
        context.call("s3", "PutObject",
                     {{"Bucket", bucket},
                      {"Key", key},
                      {"ContentType", "application/json"},
                      {"Body", {{"Digest", context.put_blob(bytes)}, {"Size", bytes.size()}}}},
                     as);
    if (!done) return fail(std::string(writer_failed), done.error().cause);
    return {};
  };
  json::object files{{"FAILED", json::array()}, {"PENDING", json::array()}};
  const std::map<std::string, const std::vector<json::object>*> groups{{"SUCCEEDED", &good},
                                                                       {"FAILED", &bad}};
  for (const auto& [name, group] : groups) {
    json::array entries;
    if (!group->empty()) {
      const std::string key = fmt::format("{}{}_0.{}", folder, name, lines ? "jsonl" : "json");
      const std::string bytes =
          written(transformed(*group, name == "FAILED" ? "NONE" : transformation), lines);
      KIBAN_TRY_VOID(put(key, bytes));
      entries.push_back({{"Key", key}, {"Size", bytes.size()}});
    }
    files[name] = std::move(entries);
  }
  const std::string manifest = folder + "manifest.json";
  KIBAN_TRY_VOID(put(manifest, print_json(json::object{{"DestinationBucket", bucket},
                                                       {"MapRunArn", writing.map_run_arn},
                                                       {"ResultFiles", std::move(files)}})));
  return json::value{{"MapRunArn", writing.map_run_arn},
                     {"ResultWriterDetails", {{"Bucket", bucket}, {"Key", manifest}}}};
}

}  // namespace kiban::services::states
