// What the performer of "items.read" reports: item_reading.h.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/base/table_service.h"
#include "services/states/item_reader.h"
#include "services/states/item_reading.h"

namespace kiban::services::states {
namespace {

std::unexpected<Error> failed(std::string cause) {
  return fail("States.ItemReaderFailed", std::move(cause));
}

// The manifest.json of an S3 inventory in CSV, whose files are gzipped.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
Result<json::object> inventory_files(std::string_view manifest_text) {
  const auto manifest = parse_json(manifest_text);
  const json::object* object = manifest ? manifest->if_object() : nullptr;
  const json::array* files = object ? find_array(*object, "files") : nullptr;
  if (!files) return failed("The manifest has no list of files");
  if (text(*object, "fileFormat", "CSV") != "CSV")
    return failed(fmt::format("kiban reads inventories in CSV alone, not in {}",
                              text(*object, "fileFormat")));
  KIBAN_TRY(const auto schema, parse_csv(text(*object, "fileSchema"), ','));
  json::array headers;
  for (const std::string& name : schema.empty() ? std::vector<std::string>{} : schema[0])
    headers.emplace_back(name.substr(std::min(name.find_first_not_of(' '), name.size())));
  std::string bucket = text(*object, "destinationBucket");
  if (const std::size_t colon = bucket.rfind(':'); colon != std::string::npos)
    bucket.erase(0, colon + 1);
  json::array named;
  for (const json::value& file : *files) {
    const json::object* entry = file.if_object();
    if (!entry) return failed("A file of the manifest is not an object");
    named.push_back({{"Bucket", bucket}, {"Key", text(*entry, "key")}});
  }
  return json::object{
      {"Files", std::move(named)},
      {"Config",
       {{"InputType", "CSV"}, {"CSVHeaderLocation", "GIVEN"}, {"CSVHeaders", std::move(headers)}}}};
}

// What Athena's UNLOAD leaves: a line for each data file, s3://bucket/key. InputType says what they
// hold. https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
Result<json::object> athena_files(std::string_view manifest, const json::object& config) {
  constexpr std::string_view scheme = "s3://";
  KIBAN_TRY(const auto lines, parse_csv(manifest, ','));
  json::array named;
  for (const std::vector<std::string>& line : lines) {
    const std::string& uri = line[0];
    const std::size_t slash = uri.find('/', std::min(scheme.size(), uri.size()));
    if (!uri.starts_with(scheme) || slash == std::string::npos)
      return failed(fmt::format("A line of the manifest is not s3://bucket/key: {}", uri));
    named.push_back({{"Bucket", uri.substr(scheme.size(), slash - scheme.size())},
                     {"Key", uri.substr(slash + 1)}});
  }
  return json::object{{"Files", std::move(named)}, {"Config", config}};
}

json::array pairs_of(json::object&& object) {
  json::array pairs;
  for (auto& member : object)
    pairs.push_back({{"Key", member.key()}, {"Value", std::move(member.value())}});
  return pairs;
}

}  // namespace

Result<ItemPieces> ItemPieces::read(const BlobReader& blobs, const json::object& asked) {
  std::string bytes;
  if (const json::object* body = find_object(asked, "Body")) {
    auto read = read_bulk(blobs, *body);
    if (!read) return failed(read.error().cause);
    bytes = *std::move(read);
  }
  KIBAN_TRY(bytes, unpack(std::move(bytes)));
  const json::object& config = asked.at("Config").as_object();
  const std::string manifest = text(asked, "Manifest");
  ItemPieces pieces;
  if (manifest == "S3_INVENTORY") {
    KIBAN_TRY(pieces.files_, inventory_files(bytes));
  } else if (manifest == "ATHENA_DATA") {
    KIBAN_TRY(pieces.files_, athena_files(bytes, config));
  } else {
    KIBAN_TRY(pieces.items_, parse_items(bytes, config));
    if (flag(asked, "Pairs") && pieces.items_.is_object())
      pieces.items_ = pairs_of(std::move(pieces.items_.get_object()));
  }
  return pieces;
}

std::optional<json::object> ItemPieces::next() {
  if (over_) return std::nullopt;
  if (files_) {
    over_ = true;
    return std::exchange(files_, std::nullopt);
  }
  const std::size_t offset = at_;
  std::size_t bytes = 0;
  std::size_t count = 0;
  // Whether it fits beside those before it.
  const auto fits = [&](const json::value& item) {
    bytes += print_json(item).size();
    return count == 0 || (count < piece_items_max && bytes <= piece_bytes_max);
  };
  json::value piece;
  if (json::array* all = items_.if_array()) {
    json::array& some = piece.emplace_array();
    for (; at_ < all->size() && fits((*all)[at_]); ++at_, ++count)
      some.push_back(std::move((*all)[at_]));
    over_ = at_ == all->size();
  } else {
    json::object& entries = items_.get_object();
    json::object& some = piece.emplace_object();
    for (; at_ < entries.size(); ++at_, ++count) {
      auto& member = *(entries.begin() + static_cast<std::ptrdiff_t>(at_));
      if (!fits(member.value())) break;
      some[member.key()] = std::move(member.value());
    }
    over_ = at_ == entries.size();
  }
  return json::object{{"Offset", offset}, {"Items", std::move(piece)}, {"Last", over_}};
}

json::object reading_failed(const Error& error) {
  return {{"Error", error.name}, {"Cause", error.cause}};
}

}  // namespace kiban::services::states
