// Tags of objects.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
#include <set>

#include "api/codec.h"
#include "api/validate.h"
#include "core/letters.h"
#include "core/utf8.h"
#include "services/s3/rows.h"

namespace kiban::services::s3 {
namespace {

constexpr std::string_view tag_characters = R"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)";

Result<void> check_tags(const json::array& tags) {
  constexpr std::size_t tags_max = 10;
  std::set<std::string> seen;
  if (tags.size() > tags_max) return fail("BadRequest", "Object tags cannot be greater than 10");
  for (const json::value& value : tags) {
    const std::string key = text(value.as_object(), "Key");
    if (key.empty() || api::utf16_length(key) > 128 || !api::matches(tag_characters, key))
      return fail("InvalidTag", "The TagKey you have provided is invalid");
    if (lower_case(key).starts_with("aws:"))
      return fail("InvalidTag", "Your TagKey cannot be prefixed with aws:");
    const std::string own = text(value.as_object(), "Value");
    if (api::utf16_length(own) > 256 || !api::matches(tag_characters, own))
      return fail("InvalidTag", "The TagValue you have provided is invalid");
    if (!seen.insert(key).second)
      return fail("InvalidTag", "Cannot provide multiple Tags with the same key");
  }
  return {};
}

// The object's row, wherever it is, with other tags.
Result<json::object> set_tags(Context& context, const json::object& input, json::array tags,
                              const Change& change) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  KIBAN_TRY(json::object row, load_object(context, input));
  const bool some = !tags.empty();
  row.erase("Tags");
  if (some) row["Tags"] = std::move(tags);
  rewrite_object(context, text(input, "Bucket"), row);
  announce(context, bucket, change, row);
  json::object out;
  if (row.contains("VersionId")) out["VersionId"] = row.at("VersionId");
  return out;
}

Result<json::object> put_tagging(Context& context, const json::object& input) {
  const json::object* tagging = find_object(input, "Tagging");
  const json::array* tags = tagging ? find_array(*tagging, "TagSet") : nullptr;
  if (tags) KIBAN_TRY_VOID(check_tags(*tags));
  return set_tags(context, input, tags ? *tags : json::array{}, {"ObjectTagging:Put", ""});
}

Result<json::object> delete_tagging(Context& context, const json::object& input) {
  return set_tags(context, input, {}, {"ObjectTagging:Delete", ""});
}

Result<json::object> get_tagging(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_object(context, input));
  const json::array* tags = find_array(row, "Tags");
  json::object out{{"TagSet", tags ? *tags : json::array{}}};
  if (row.contains("VersionId")) out["VersionId"] = row.at("VersionId");
  return out;
}

}  // namespace

Result<json::array> read_tagging_header(const std::string& header) {
  json::array tags;
  std::set<std::string> seen;
  const auto malformed_header = [] {
    return fail("InvalidArgument",
                "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
                "parameters without tag name duplicates.");
  };
  for (std::string_view rest = header; !rest.empty();) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const auto key = api::decode_uri(pair.substr(0, equals), api::Plus::IsSpace);
    const auto value =
        api::decode_uri(pair.substr(std::min(equals + 1, pair.size())), api::Plus::IsSpace);
    if (!key || !value || !is_utf8(*key) || !is_utf8(*value)) return malformed_header();
    // Twice the same: not the words of PutObjectTagging.
    if (!seen.insert(*key).second) return malformed_header();
    tags.push_back(json::object{{"Key", *key}, {"Value", *value}});
  }
  KIBAN_TRY_VOID(check_tags(tags));
  return tags;
}

const CheckedTable& tag_operations() {
  static const CheckedTable table = {
      {"DeleteObjectTagging", {delete_tagging, "Bucket Key VersionId ExpectedBucketOwner"}},
      {"GetObjectTagging", {get_tagging, "Bucket Key VersionId ExpectedBucketOwner RequestPayer"}},
      {"PutObjectTagging",
       {put_tagging,
        "Bucket Key VersionId Tagging ContentMD5 ChecksumAlgorithm ExpectedBucketOwner "
        "RequestPayer"}},
  };
  return table;
}

}  // namespace kiban::services::s3
