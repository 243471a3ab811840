#include "services/states/map_objects.h"

#include <fmt/format.h>

#include "services/base/bulk.h"
#include "services/base/table_service.h"
#include "services/states/integrations.h"
#include "services/states/item_reader.h"

namespace kiban::services::states {
namespace {

constexpr std::string_view reader_failed = "States.ItemReaderFailed";
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

// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
std::string uri_of(const json::object& request) {
  std::string uri = "S3://" + text(request, "Bucket");
  if (request.contains("Key")) uri += "/" + text(request, "Key");
  return uri;
}

ItemsFound all_from(json::value items, std::string uri) {
  const std::size_t count =
      items.is_object() ? items.get_object().size() : items.get_array().size();
  return {.items = std::move(items),
          .sources = {{.items = static_cast<std::int64_t>(count), .uri = std::move(uri)}}};
}

// The items of several objects, one behind the other.
class Collected {
 public:
  void add(ItemsFound found) {
    if (json::array* array = found.items.if_array()) {
      for (json::value& item : *array) items_.push_back(std::move(item));
    } else if (json::object* object = found.items.if_object()) {
      for (auto& member : *object)
        items_.push_back({{"Key", member.key()}, {"Value", std::move(member.value())}});
    }
    for (asl::ItemSource& source : found.sources) sources_.push_back(std::move(source));
  }
  std::size_t size() const { return items_.size(); }
  ItemsFound all() && { return {.items = std::move(items_), .sources = std::move(sources_)}; }

 private:
  json::array items_{};
  std::vector<asl::ItemSource> sources_{};
};

// Items are read up to MaxItems: 0 and absent mean all of them.
struct Reading {
  const json::object& config;
  const Caller& as;
  std::size_t items_max{SIZE_MAX};

  bool enough(const Collected& items) const { return items.size() >= items_max; }
};

Reading reading_of(const json::object& config, const Caller& as) {
  const std::int64_t most = number(config, "MaxItems", 0);
  return {.config = config,
          .as = as,
          .items_max = most > 0 ? static_cast<std::size_t>(most) : SIZE_MAX};
}

// What the object of a request holds.
Result<std::string> read_unpacked(Context& context, const json::object& request, const Caller& as) {
  KIBAN_TRY(std::string bytes, read_object(context, request, as));
  return unpack(std::move(bytes));
}

// The manifest.json of an S3 inventory in CSV, whose files are gzipped.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
Result<ItemsFound> read_inventory(Context& context, std::string_view manifest_text,
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
  Collected items;
  for (const json::value& file : *files) {
    if (reading.enough(items)) break;
    const json::object* entry = file.if_object();
    if (!entry) return fail(std::string(reader_failed), "A file of the manifest is no object");
    const json::object request{{"Bucket", bucket}, {"Key", text(*entry, "key")}};
    KIBAN_TRY(const std::string bytes, read_unpacked(context, request, reading.as));
    KIBAN_TRY(json::value rows, parse_items(bytes, config));
    items.add(all_from(std::move(rows), uri_of(request)));
  }
  return std::move(items).all();
}

// What Athena's UNLOAD leaves: a line for each data file, s3://bucket/key. InputType says what they
// hold. https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
Result<ItemsFound> read_athena(Context& context, std::string_view manifest,
                               const Reading& reading) {
  constexpr std::string_view scheme = "s3://";
  KIBAN_TRY(const auto lines, parse_csv(manifest, ','));
  Collected items;
  for (const std::vector<std::string>& line : lines) {
    if (reading.enough(items)) break;
    const std::string& uri = line[0];
    const std::size_t slash = uri.find('/', std::min(scheme.size(), uri.size()));
    if (!uri.starts_with(scheme) || slash == std::string::npos)
      return fail(std::string(reader_failed),
                  fmt::format("A line of the manifest is no s3://bucket/key: {}", uri));
    const json::object request{{"Bucket", uri.substr(scheme.size(), slash - scheme.size())},
                               {"Key", uri.substr(slash + 1)}};
    KIBAN_TRY(const std::string bytes, read_unpacked(context, request, reading.as));
    KIBAN_TRY(json::value rows, parse_items(bytes, reading.config));
    items.add(all_from(std::move(rows), uri_of(request)));
  }
  return std::move(items).all();
}

// S3_INVENTORY comes without an InputType, or with MANIFEST, as before there was a ManifestType.
Result<ItemsFound> read_one(Context& context, const json::object& request, const Reading& reading) {
  KIBAN_TRY(const std::string bytes, read_unpacked(context, request, reading.as));
  const std::string manifest = text(reading.config, "ManifestType");
  if (manifest == "ATHENA_DATA") return read_athena(context, bytes, reading);
  if (manifest == "S3_INVENTORY" || text(reading.config, "InputType") == "MANIFEST")
    return read_inventory(context, bytes, reading);
  KIBAN_TRY(json::value items, parse_items(bytes, reading.config));
  return all_from(std::move(items), uri_of(request));
}

}  // namespace

Result<ItemsFound> read_items(Context& context, const asl::ReadItems& reading, const Caller& as) {
  if (reading.resource.service != "s3")
    return fail(std::string(reader_failed),
                fmt::format("kiban does not read items by {}", reading.resource.arn));
  const auto request = request_of("s3", reading.resource.action, reading.parameters.tree());
  if (!request)
    return fail(std::string(reader_failed), "The parameters of the ItemReader must be an object");
  const Reading all = reading_of(reading.config, as);
  if (reading.resource.action != "listObjectsV2") return read_one(context, *request, all);
  KIBAN_TRY(json::array listed, list_objects(context, *request, as));
  const json::object bucket{{"Bucket", text(*request, "Bucket")}};
  if (text(reading.config, "Transformation") != "LOAD_AND_FLATTEN")
    return all_from(std::move(listed), uri_of(bucket));
  Collected items;
  for (const json::value& object : listed) {
    if (all.enough(items)) break;
    json::object one = bucket;
    one["Key"] = object.at("Key");
    // A folder that S3's console made holds no data; that it is passed over is our reading.
    if (text(one, "Key").ends_with('/') && object.at("Size") == 0) continue;
    if (request->contains("ExpectedBucketOwner"))
      one["ExpectedBucketOwner"] = request->at("ExpectedBucketOwner");
    KIBAN_TRY(ItemsFound loaded, read_one(context, one, all));
    items.add(std::move(loaded));
  }
  return std::move(items).all();
}

}  // namespace kiban::services::states
