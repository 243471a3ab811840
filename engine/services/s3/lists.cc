// Listings of objects.
#include <fmt/format.h>

#include <algorithm>

#include "api/codec.h"
#include "services/s3/rows.h"

namespace kiban::services::s3 {
namespace {

constexpr std::int64_t keys_max = 1'000;

struct Listing {
  json::array contents{};
  json::array common_prefixes{};
  bool truncated{false};
  std::string last{};  // Key or common prefix that came last.
};

// encoding-type=url: names percent-encoded, which botocore asks for always.
std::string shown(const json::object& input, std::string_view name) {
  return text(input, "EncodingType") == "url" ? api::encode_uri(name, "/") : std::string(name);
}

json::object entry_of(const json::object& row, const json::object& input) {
  return {{"Key", shown(input, text(row, "Key"))},
          {"LastModified", row.at("LastModified")},
          {"ETag", row.at("ETag")},
          {"Size", row.at("Size")},
          {"StorageClass", text(row, "StorageClass", "STANDARD")}};
}

// Keys under the prefix, behind `after`, in byte order; those with the delimiter behind the prefix
// are rolled up into one common prefix, which counts as one entry.
Listing list(const Context& context, const json::object& input, const std::string& after,
             std::int64_t limit) {
  const std::string prefix = text(input, "Prefix");
  const std::string delimiter = text(input, "Delimiter");
  const std::string base = object_key(text(input, "Bucket"), "");
  Listing out;
  std::int64_t count = 0;
  std::string from = after.empty() ? std::string() : base + after;
  std::string rolled;  // The common prefix whose keys are being skipped.
  if (!delimiter.empty() && after.ends_with(delimiter)) rolled = after;
  for (const store::Row& row : context.scan(base + prefix, from)) {
    const std::string key = row.key.substr(base.size());
    if (!rolled.empty() && key.starts_with(rolled)) continue;
    const std::size_t at =
        delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    if (count == limit) {
      out.truncated = true;
      break;
    }
    ++count;
    if (at != std::string::npos) {
      rolled = key.substr(0, at + delimiter.size());
      out.common_prefixes.push_back(json::object{{"Prefix", shown(input, rolled)}});
      out.last = rolled;
    } else if (const auto object = get_json(context, row.key)) {
      out.contents.push_back(entry_of(*object, input));
      out.last = key;
    }
  }
  return out;
}

json::object frame(const json::object& input, const Listing& listing, std::int64_t limit) {
  json::object out{{"Name", input.at("Bucket")},
                   {"Prefix", shown(input, text(input, "Prefix"))},
                   {"MaxKeys", limit},
                   {"IsTruncated", listing.truncated}};
  if (!listing.common_prefixes.empty()) out["CommonPrefixes"] = listing.common_prefixes;
  if (input.contains("Delimiter")) out["Delimiter"] = shown(input, text(input, "Delimiter"));
  if (input.contains("EncodingType")) out["EncodingType"] = input.at("EncodingType");
  return out;
}

std::int64_t limit_of(const json::object& input) {
  return std::clamp<std::int64_t>(number(input, "MaxKeys", keys_max), 0, keys_max);
}

Result<json::object> list_v2(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  std::string after = text(input, "StartAfter");
  if (input.contains("ContinuationToken")) {
    const auto token = api::decode_base64(text(input, "ContinuationToken"));
    if (!token || !token->starts_with("key:")) {
      return fail("InvalidArgument", "The continuation token provided is incorrect");
    }
    after = token->substr(4);
  }
  const std::int64_t limit = limit_of(input);
  const Listing listing = list(context, input, after, limit);
  json::object out = frame(input, listing, limit);
  out["KeyCount"] = listing.contents.size() + listing.common_prefixes.size();
  if (!listing.contents.empty()) out["Contents"] = listing.contents;
  if (input.contains("StartAfter")) out["StartAfter"] = shown(input, text(input, "StartAfter"));
  if (input.contains("ContinuationToken")) out["ContinuationToken"] = input.at("ContinuationToken");
  if (listing.truncated) {
    out["NextContinuationToken"] = api::encode_base64("key:" + listing.last);
  }
  return out;
}

Result<json::object> list_v1(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  const std::int64_t limit = limit_of(input);
  const Listing listing = list(context, input, text(input, "Marker"), limit);
  json::object out = frame(input, listing, limit);
  out["Marker"] = shown(input, text(input, "Marker"));
  if (!listing.contents.empty()) out["Contents"] = listing.contents;
  // Only with a delimiter; without, the last key is the next marker: API_ListObjects.html
  if (listing.truncated && input.contains("Delimiter")) {
    out["NextMarker"] = shown(input, listing.last);
  }
  return out;
}

// Nothing but the current version of each object, whose id is "null" as in a bucket that never had
// versioning.
Result<json::object> list_versions(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  const std::int64_t limit = limit_of(input);
  const Listing listing = list(context, input, text(input, "KeyMarker"), limit);
  json::object out = frame(input, listing, limit);
  out["KeyMarker"] = shown(input, text(input, "KeyMarker"));
  json::array versions;
  for (const json::value& entry : listing.contents) {
    json::object version = entry.as_object();
    version["VersionId"] = "null";
    version["IsLatest"] = true;
    versions.push_back(std::move(version));
  }
  if (!versions.empty()) out["Versions"] = std::move(versions);
  if (listing.truncated) {
    out["NextKeyMarker"] = shown(input, listing.last);
    out["NextVersionIdMarker"] = "null";
  }
  return out;
}

}  // namespace

const OperationTable& list_operations() {
  static const OperationTable table = {
      {"ListObjectVersions", list_versions},
      {"ListObjects", list_v1},
      {"ListObjectsV2", list_v2},
  };
  return table;
}

}  // namespace kiban::services::s3
