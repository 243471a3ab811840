#include "services/states/item_reading.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/states/executions.h"
#include "services/states/integrations.h"
#include "services/states/names.h"

namespace kiban::services::states {
namespace {

constexpr std::string_view reader_failed = "States.ItemReaderFailed";
constexpr std::int64_t objects_max = 1'000'000;  // Our own bound on a listing.
// What one command reads by itself; larger and compressed objects are left to the performer.
constexpr std::int64_t inline_bytes_max = 256 * 1024;
constexpr std::int64_t command_bytes_max = 1024 * 1024;
constexpr int command_objects_max = 64;

std::string reading_key(const Context& context, std::string_view arn, std::int64_t map) {
  return row_key(context, "reading", fmt::format("{}/{:010}", execution_path(arn), map));
}

// Members as AWS's items have them, recorded: test_map_item_reader_base_list_objects_v2.
json::object listed_item(const json::object& object) {
  return {{"Etag", text(object, "ETag")},
          {"LastModified", number(object, "LastModified", 0)},
          {"Key", text(object, "Key")},
          {"Size", number(object, "Size", 0)},
          {"StorageClass", text(object, "StorageClass", "STANDARD")}};
}

// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
std::string uri_of(const json::object& request) {
  std::string uri = "S3://" + text(request, "Bucket");
  if (request.contains("Key")) uri += "/" + text(request, "Key");
  return uri;
}

// S3_INVENTORY comes without an InputType, or with MANIFEST, as before there was a ManifestType.
std::string manifest_of(const json::object& config) {
  const std::string type = text(config, "ManifestType");
  if (type == "ATHENA_DATA" || type == "S3_INVENTORY") return type;
  return text(config, "InputType") == "MANIFEST" ? "S3_INVENTORY" : "";
}

bool is_compressed(const Context& context, const json::object& body) {
  const auto bytes = read_bulk(context, body);
  return bytes && (bytes->starts_with("\x1F\x8B") || bytes->starts_with("\x28\xB5\x2F\xFD"));
}

// A Map's reading under way. Its row:
//   {"Execution", "Map", "Request" (of the ItemReader), "Config" (its ReaderConfig), "Load"
//   (whether
//    the objects that are listed are read), "More" and "Token" (of the listing), "FileConfig" (of
//    objects that a manifest names), "Next" (the object to read), "Offset" (its items that were
//    taken in), "Taken" (all items), "Step" (of the effect)}
// and reading/PATH/MAP/files the objects: [{"Request", "Plain" (a manifest named it)}].
class Reading {
 public:
  enum class Files : std::uint8_t { Stored, New };
  Reading(Context& context, const Caller& as, json::object row, json::array files, Files kept)
      : context_(context),
        as_(as),
        row_(std::move(row)),
        files_(std::move(files)),
        files_changed_(kept == Files::New) {}

  // Reads on until the items are all taken in, the performer reads an object, or the command did
  // its share.
  void advance();
  // An outcome of the performer, or what it would report.
  void take(json::object outcome);
  void fail_with(const Error& error);
  // The performer has more pieces.
  void wait() { save(); }

  bool over() const { return over_; }
  std::vector<asl::Input> inputs{};  // For the execution.

 private:
  std::int64_t map() const { return number(row_, "Map", 0); }
  std::string key() const { return reading_key(context_, text(row_, "Execution"), map()); }
  bool last_object() const {
    return number(row_, "Next", 0) + 1 >= static_cast<std::int64_t>(files_.size()) &&
           !flag(row_, "More");
  }
  Result<void> list_more();
  // The bytes that it read; 0: the performer reads them.
  Result<std::int64_t> read_object(const json::object& file);
  void give(json::value items, const std::string& uri, bool more);
  void save();
  void finish();

  Context& context_;
  const Caller& as_;
  json::object row_;
  json::array files_;
  bool files_changed_;
  bool over_{false};
};

void Reading::save() {
  put_json(context_, key(), row_);
  if (files_changed_) context_.put(key() + "/files", print_json(json::value(files_)));
  files_changed_ = false;
}

void Reading::finish() {
  over_ = true;
  context_.erase(key());
  context_.erase(key() + "/files");
}

void Reading::fail_with(const Error& error) {
  inputs.push_back(asl::ItemsReadFailed{.map = map(), .error = error.name, .cause = error.cause});
  finish();
}

void Reading::give(json::value items, const std::string& uri, bool more) {
  std::int64_t count = static_cast<std::int64_t>(items.is_object() ? items.get_object().size()
                                                                   : items.get_array().size());
  // Items are read up to MaxItems: 0 and absent mean all of them. The machine cuts the piece.
  const std::int64_t most = number(row_.at("Config").as_object(), "MaxItems", 0);
  const std::int64_t taken = number(row_, "Taken", 0) + count;
  row_["Taken"] = taken;
  if (most > 0 && taken >= most) more = false;
  inputs.push_back(asl::ItemsRead{.map = map(),
                                  .items = Payload::from_tree(std::move(items)),
                                  .sources = {{.items = count, .uri = uri}},
                                  .more = more});
  if (!more) finish();
}

Result<void> Reading::list_more() {
  json::object request = row_.at("Request").as_object();
  if (row_.contains("Token")) request["ContinuationToken"] = row_.at("Token");
  const auto page = context_.call("s3", "ListObjectsV2", request, as_);
  if (!page) return fail(std::string(reader_failed), page.error().cause);
  const json::array* contents = find_array(*page, "Contents");
  const bool more = flag(*page, "IsTruncated") && number(row_, "Taken", 0) < objects_max;
  row_["More"] = more;
  if (more) row_["Token"] = page->at("NextContinuationToken");
  const json::object bucket{{"Bucket", text(request, "Bucket")}};
  json::array items;
  files_ = {};
  files_changed_ = true;
  row_["Next"] = 0;
  for (const json::value& each : contents ? *contents : json::array{}) {
    const json::object object = listed_item(each.as_object());
    if (!flag(row_, "Load")) {
      items.push_back(object);
      continue;
    }
    // A folder that S3's console made holds no data; that it is passed over is our reading.
    if (text(object, "Key").ends_with('/') && object.at("Size") == 0) continue;
    json::object one = bucket;
    one["Key"] = object.at("Key");
    if (request.contains("ExpectedBucketOwner"))
      one["ExpectedBucketOwner"] = request.at("ExpectedBucketOwner");
    files_.push_back({{"Request", std::move(one)}});
  }
  if (!flag(row_, "Load")) give(std::move(items), uri_of(bucket), more);
  return {};
}

Result<std::int64_t> Reading::read_object(const json::object& file) {
  const json::object& request = file.at("Request").as_object();
  const auto object = context_.call("s3", "GetObject", request, as_);
  if (!object) return fail(std::string(reader_failed), object.error().cause);
  const bool plain = flag(file, "Plain");
  const json::object& config = row_.at(plain ? "FileConfig" : "Config").as_object();
  json::object asked{{"Config", config},
                     {"Manifest", plain ? "" : manifest_of(config)},
                     {"Pairs", plain || flag(row_, "Load")}};
  const std::int64_t size = number(*object, "ContentLength", 0);
  const json::object* body = find_object(*object, "Body");
  if (body) asked["Body"] = *body;
  if (size > inline_bytes_max || (body && is_compressed(context_, *body))) {
    const std::int64_t step = number(row_, "Step", 0) + 1;
    row_["Step"] = step;
    asked["Execution"] = row_.at("Execution");
    asked["Map"] = map();
    asked["Step"] = step;
    context_.perform(
        {.service = "states",
         .kind = std::string(items_effect),
         .id = fmt::format("{}/{}/{}", execution_path(text(row_, "Execution")), map(), step),
         .payload = std::move(asked)});
    save();
    return 0;
  }
  KIBAN_TRY(
      ItemPieces pieces,
      ItemPieces::read([&](std::string_view digest) { return context_.read_blob(digest); }, asked));
  while (auto piece = pieces.next()) {
    take(*std::move(piece));
    if (over_) break;
  }
  return std::max<std::int64_t>(size, 1);
}

void Reading::take(json::object outcome) {
  if (const json::array* named = find_array(outcome, "Files")) {
    json::array files;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(files_.size()); ++i) {
      if (i != number(row_, "Next", 0)) {
        files.push_back(files_[static_cast<std::size_t>(i)]);
        continue;
      }
      for (const json::value& each : *named) files.push_back({{"Request", each}, {"Plain", true}});
    }
    files_ = std::move(files);
    files_changed_ = true;
    row_["FileConfig"] = outcome.at("Config");
    return;
  }
  const auto at = static_cast<std::size_t>(number(row_, "Next", 0));
  const std::string uri = uri_of(files_[at].as_object().at("Request").as_object());
  const bool last = flag(outcome, "Last");
  json::value items = std::move(outcome["Items"]);
  const std::int64_t offset = number(outcome, "Offset", 0);
  const auto count = static_cast<std::int64_t>(items.is_object() ? items.get_object().size()
                                                                 : items.get_array().size());
  give(std::move(items), uri, !last || !last_object());
  row_["Offset"] = last ? 0 : offset + count;
  if (last) row_["Next"] = number(row_, "Next", 0) + 1;
}

void Reading::advance() {
  std::int64_t bytes = 0;
  for (int objects = 0; !over_; ++objects) {
    if (bytes >= command_bytes_max || objects == command_objects_max) {
      save();
      json::object payload = timer_payload(context_, text(row_, "Execution"));
      payload["Reading"] = map();
      context_.set_timer("states", key(), context_.now(), std::move(payload));
      return;
    }
    const auto next = static_cast<std::size_t>(number(row_, "Next", 0));
    if (next < files_.size()) {
      const auto read = read_object(files_[next].as_object());
      if (!read) return fail_with(read.error());
      if (*read == 0) return;
      bytes += *read;
    } else if (flag(row_, "More")) {
      if (const auto listed = list_more(); !listed) return fail_with(listed.error());
      bytes += inline_bytes_max;
    } else {
      give(json::array{}, "", false);  // The last ones were left out.
    }
  }
}

Result<Reading> begin_reading(Context& context, const asl::ReadItems& asked, const Caller& as,
                              const std::string& arn) {
  if (asked.resource.service != "s3")
    return fail(std::string(reader_failed),
                fmt::format("kiban does not read items by {}", asked.resource.arn));
  const auto request = request_of("s3", asked.resource.action, asked.parameters.tree());
  if (!request)
    return fail(std::string(reader_failed), "The parameters of the ItemReader must be an object");
  const bool listing = asked.resource.action == "listObjectsV2";
  json::object row{{"Execution", arn},
                   {"Map", asked.map},
                   {"Request", *request},
                   {"Config", asked.config},
                   {"Load", listing && text(asked.config, "Transformation") == "LOAD_AND_FLATTEN"},
                   {"More", listing},
                   {"Next", 0},
                   {"Offset", 0},
                   {"Taken", 0},
                   {"Step", 0}};
  json::array files;
  if (!listing) files.push_back({{"Request", *request}});
  return Reading(context, as, std::move(row), std::move(files), Reading::Files::New);
}

void move_to(std::deque<asl::Input>& inputs, Reading& reading) {
  for (asl::Input& input : reading.inputs) inputs.push_back(std::move(input));
  reading.inputs.clear();
}

}  // namespace

void Executions::read_items(Context& context, const std::string& arn, Inputs& inputs,
                            const asl::ReadItems& asked, const Result<Caller>& as) {
  auto reading = as ? begin_reading(context, asked, *as, arn)
                    : Result<Reading>(fail(std::string(reader_failed), as.error().cause));
  if (!reading) {
    inputs.push_back(asl::ItemsReadFailed{
        .map = asked.map, .error = reading.error().name, .cause = reading.error().cause});
    return;
  }
  reading->advance();
  move_to(inputs, *reading);
}

void Executions::go_on_reading(Context& context, std::string_view arn, std::int64_t map,
                               const json::object* asked, const json::object* outcome) {
  const std::string key = reading_key(context, arn, map);
  auto row = get_json(context, key);
  // An outcome of before: the performer begins anew after a restart.
  if (!row || (asked && number(*asked, "Step", 0) != number(*row, "Step", 0))) return;
  if (outcome && number(*outcome, "Offset", number(*row, "Offset", 0)) != number(*row, "Offset", 0))
    return;
  Run run;
  if (!load(context, arn, run)) return;
  if (!run.execution->reads_items(map)) {  // The Map failed meanwhile.
    context.erase(key);
    context.erase(key + "/files");
    return;
  }
  const auto files = context.get(key + "/files");
  const auto as = role_of(context, run);
  Inputs inputs;
  {
    const Driving driving(*this, run.arn, inputs);
    const Caller caller = as ? *as : Caller{};
    Reading reading(context, caller, *std::move(row),
                    files ? array_of(key + "/files", *files) : json::array{},
                    Reading::Files::Stored);
    if (!as) {
      reading.fail_with(Error{std::string(reader_failed), as.error().cause});
    } else if (outcome && outcome->contains("Error")) {
      reading.fail_with(Error{std::string(reader_failed), text(*outcome, "Cause")});
    } else {
      if (outcome) reading.take(*outcome);
      if (!reading.over()) {
        if (outcome && outcome->contains("Items") && !flag(*outcome, "Last"))
          reading.wait();
        else
          reading.advance();
      }
    }
    move_to(inputs, reading);
  }
  drive(context, run, std::move(inputs));
}

}  // namespace kiban::services::states
