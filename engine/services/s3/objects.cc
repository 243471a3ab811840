// Objects, one at a time: put, get, head, delete.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "api/codec.h"
#include "services/s3/configurations.h"
#include "services/s3/content.h"
#include "services/s3/rows.h"

namespace kiban::services::s3 {
namespace {

constexpr std::size_t key_bytes_max = 1'024;

std::string with_quotes(std::string_view etag) {
  return etag.starts_with('"') ? std::string(etag) : fmt::format("\"{}\"", etag);
}

bool one_of(const std::string& list, const std::string& etag) {
  return list == "*" || list.find(with_quotes(etag)) != std::string::npos ||
         with_quotes(list) == etag;
}

std::unexpected<Error> precondition_failed() {
  return fail("PreconditionFailed",
              "At least one of the pre-conditions you specified did not hold");
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// A token of RFC 9110, section 5.6.2.
bool is_header_name(std::string_view name) {
  return std::ranges::all_of(name, [](char c) {
    return c > 0x20 && c < 0x7f &&
           std::string_view("\"(),/:;<=>?@[\\]{}").find(c) == std::string_view::npos;
  });
}

std::unexpected<Error> unprintable_header() {
  return fail("InvalidArgument", "Header value cannot be represented using ISO-8859-1.");
}

Result<json::object> put_object(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  KIBAN_TRY_VOID(check_key(input));
  KIBAN_TRY_VOID(check_acl(bucket, input));
  KIBAN_TRY(const Wanted wanted, wanted_checksum(input));
  // S3 keeps a CRC64NVME of what came without a checksum.
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
  const api::ChecksumKind kind = wanted.kind.value_or(api::ChecksumKind::Crc64nvme);
  KIBAN_TRY(const Content content, read_content(context, input, kind));
  KIBAN_TRY_VOID(check_content(content, input, wanted));
  KIBAN_TRY_VOID(check_write_conditions(context, input));
  json::object row{
      {"Key", input.at("Key")},
      {"Size", content.size},
      {"ETag", with_quotes(content.md5)},
      {"LastModified", now_seconds(context)},
      {"Checksum", {{api::name_of(kind), text(content.checksums, api::name_of(kind))}}}};
  if (!input.contains("ServerSideEncryption")) encrypt_by_default(bucket, row);
  set_pieces(row, content.pieces);
  for (const KeptMember& member : kept_members) {
    if (input.contains(member.name)) row[member.name] = input.at(member.name);
  }
  if (input.contains("Tagging")) {
    KIBAN_TRY(json::array tags, read_tagging_header(text(input, "Tagging")));
    row["Tags"] = std::move(tags);
  }
  if (input.contains("ACL")) row["ACL"] = input.at("ACL");
  json::object out = write_object(context, bucket, row, {"ObjectCreated:Put", "PutObject"});
  out["ETag"] = row.at("ETag");
  for (const std::string_view member : {"ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled"})
    if (row.contains(member)) out[member] = row.at(member);
  show_checksum(row, out);
  return out;
}

struct Part {
  std::int64_t from{0};
  std::int64_t size{0};
  bool whole{true};
};

// bytes=0-9, bytes=10-, bytes=-5. What can't be read as one range is ignored, as S3 does.
Result<Part> part_of(const std::string& range, std::int64_t size) {
  const Part whole{.size = size};
  const std::size_t dash = range.find('-');
  if (!range.starts_with("bytes=") || dash == std::string::npos) return whole;
  const auto read = [](std::string_view digits) -> std::int64_t {
    std::int64_t value = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && end == digits.data() + digits.size() ? value : -1;
  };
  const std::string_view first = std::string_view(range).substr(6, dash - 6);
  const std::string_view last = std::string_view(range).substr(dash + 1);
  std::int64_t from = read(first);
  std::int64_t to = last.empty() ? size - 1 : read(last);
  if (first.empty()) {
    from = std::max<std::int64_t>(0, size - to);
    to = size - 1;
  }
  if (from < 0 || (!last.empty() && read(last) < 0)) return whole;
  to = std::min(to, size - 1);
  if (from >= size || to < from) {
    return fail("InvalidRange", "The requested range is not satisfiable");
  }
  return Part{.from = from, .size = to - from + 1, .whole = false};
}

// PartNumber of a GET: what was uploaded as that part. An object that came in one is its part 1.
Result<Part> numbered_part(const json::object& row, std::int64_t wanted) {
  const json::array* parts = find_array(row, "Parts");
  if (!parts && wanted == 1) return Part{.size = number(row, "Size", 0), .whole = false};
  std::int64_t from = 0;
  for (const json::value& value : parts ? *parts : json::array{}) {
    const json::object& part = value.as_object();
    const std::int64_t size = number(part, "Size", 0);
    if (number(part, "PartNumber", 0) == wanted)
      return Part{.from = from, .size = size, .whole = false};
    from += size;
  }
  return fail("InvalidPartNumber", "The requested partnumber is not satisfiable");
}

Result<Part> wanted_part(const json::object& row, const json::object& input) {
  if (!input.contains("PartNumber")) return part_of(text(input, "Range"), number(row, "Size", 0));
  if (input.contains("Range"))
    return fail("InvalidRequest",
                "Cannot specify both Range header and partNumber query parameter");
  return numbered_part(row, number(input, "PartNumber", 0));
}

json::object described(const json::object& row, const json::object& input, const Part& part) {
  const std::int64_t size = number(row, "Size", 0);
  json::object out{{"AcceptRanges", "bytes"},
                   {"ETag", row.at("ETag")},
                   {"LastModified", row.at("LastModified")},
                   {"ContentLength", part.size},
                   {"Metadata", json::object()}};
  for (const KeptMember& member : kept_members) {
    if (row.contains(member.name)) out[member.name] = row.at(member.name);
    const std::string response = fmt::format("Response{}", member.name);
    if (input.contains(response)) out[member.name] = input.at(response);
  }
  if (!out.contains("ContentType")) out["ContentType"] = "binary/octet-stream";
  if (text(out, "StorageClass") == "STANDARD") out.erase("StorageClass");
  if (row.contains("VersionId")) out["VersionId"] = row.at("VersionId");
  if (const json::array* tags = find_array(row, "Tags"); tags && !tags->empty())
    out["TagCount"] = tags->size();
  if (!part.whole && size > 0)
    out["ContentRange"] = fmt::format("bytes {}-{}/{}", part.from, part.from + part.size - 1, size);
  if (const json::array* parts = find_array(row, "Parts"); parts && input.contains("PartNumber"))
    out["PartsCount"] = parts->size();
  if (text(input, "ChecksumMode") == "ENABLED" && part.size == size) show_checksum(row, out);
  return out;
}

Result<void> check_overrides(const json::object& input) {
  for (const KeptMember& member : kept_members) {
    const std::string name = fmt::format("Response{}", member.name);
    const json::string* value = find_string(input, name);
    if (value && has_control(*value)) return unprintable_header();
  }
  return {};
}

Result<json::object> get_object(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_overrides(input));
  KIBAN_TRY(const json::object row, load_object(context, input));
  if (is_archived(row))
    return fail("InvalidObjectState", "The operation is not valid for the object's storage class");
  KIBAN_TRY_VOID(check_read_conditions(row, input, ""));
  KIBAN_TRY(const Part part, wanted_part(row, input));
  json::object out = described(row, input, part);
  const json::array pieces =
      part.whole ? pieces_of(row) : cut_pieces(pieces_of(row), part.from, part.size);
  out["Body"] = body_of(pieces, part.size);
  return out;
}

Result<json::object> head_object(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_overrides(input));
  const auto row = load_object(context, input);
  // A HEAD reply has no body, so clients see the bare status: 404 "NotFound".
  if (!row && row.error().name.starts_with("NoSuch")) return fail("NotFound", "Not Found");
  if (!row) return std::unexpected(row.error());
  KIBAN_TRY_VOID(check_read_conditions(*row, input, ""));
  KIBAN_TRY(const Part part, wanted_part(*row, input));
  return described(*row, input, part);
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html
Result<json::object> get_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_object(context, input));
  json::object out{{"LastModified", row.at("LastModified")}};
  if (row.contains("VersionId")) out["VersionId"] = row.at("VersionId");
  const json::array* names = find_array(input, "ObjectAttributes");
  for (const json::value& value : names ? *names : json::array{}) {
    const std::string name = value.is_string() ? to_string(value.get_string()) : std::string();
    if (name == "ETag") {
      const std::string etag = text(row, "ETag");
      out["ETag"] = etag.substr(1, etag.size() - 2);
    } else if (name == "ObjectSize") {
      out["ObjectSize"] = row.at("Size");
    } else if (name == "StorageClass") {
      out["StorageClass"] = text(row, "StorageClass", "STANDARD");
    } else if (name == "Checksum") {
      json::object checksum;
      show_checksum(row, checksum);
      if (!checksum.empty()) out["Checksum"] = std::move(checksum);
    } else if (const json::array* parts = find_array(row, "Parts");
               parts && name == "ObjectParts") {
      out["ObjectParts"] = {{"TotalPartsCount", parts->size()}};
    }
  }
  return out;
}

// An ETag that the object must have to be deleted.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
Result<void> check_deletion(const Context& context, std::string_view bucket,
                            const json::object& object, std::string_view member) {
  if (!object.contains(member)) return {};
  const auto old = get_json(context, object_key(bucket, text(object, "Key")));
  if (!old) return fail("NoSuchKey", "The specified key does not exist.");
  if (!one_of(text(object, member), text(*old, "ETag"))) return precondition_failed();
  return {};
}

Result<json::object> delete_object(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  KIBAN_TRY_VOID(check_deletion(context, text(bucket, "Name"), input, "IfMatch"));
  return remove_object(context, bucket, text(input, "Key"), text(input, "VersionId"));
}

Result<json::object> delete_objects(Context& context, const json::object& input) {
  constexpr std::size_t keys_max = 1'000;
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* request = find_object(input, "Delete");
  const json::array* objects = request ? find_array(*request, "Objects") : nullptr;
  if (!objects || objects->empty() || objects->size() > keys_max)
    return fail("MalformedXML",
                "The XML you provided was not well-formed or did not validate against our "
                "published schema");
  json::array deleted;
  json::array errors;
  for (const json::value& value : *objects) {
    const json::object& object = value.as_object();
    if (text(object, "Key").empty()) return malformed_xml();
    for (const std::string_view member : {"LastModifiedTime", "Size"})
      if (object.contains(member))
        return fail("NotImplemented",
                    fmt::format("kiban does not support {} of s3:DeleteObjects", member));
    const std::string version = text(object, "VersionId");
    const auto wanted = check_deletion(context, text(bucket, "Name"), object, "ETag");
    if (!wanted) {
      json::object error{{"Key", object.at("Key")},
                         {"Code", wanted.error().name},
                         {"Message", wanted.error().cause}};
      if (!version.empty()) error["VersionId"] = version;
      errors.push_back(std::move(error));
      continue;
    }
    KIBAN_TRY(const json::object removed,
              remove_object(context, bucket, text(object, "Key"), version));
    json::object entry{{"Key", object.at("Key")}};
    if (!version.empty()) entry["VersionId"] = version;
    if (flag(removed, "DeleteMarker")) {
      entry["DeleteMarker"] = true;
      entry["DeleteMarkerVersionId"] = removed.at("VersionId");
    }
    deleted.push_back(std::move(entry));
  }
  json::object out;
  if (!flag(*request, "Quiet") && !deleted.empty()) out["Deleted"] = std::move(deleted);
  if (!errors.empty()) out["Errors"] = std::move(errors);
  return out;
}

}  // namespace

void encrypt_by_default(const json::object& bucket, json::object& row) {
  row["ServerSideEncryption"] = "AES256";
  const json::object* own = find_object(bucket, "ServerSideEncryptionConfiguration");
  const json::array* rules = own ? find_array(*own, "Rules") : nullptr;
  const json::object* standard =
      rules && !rules->empty()
          ? find_object(rules->at(0).as_object(), "ApplyServerSideEncryptionByDefault")
          : nullptr;
  if (!standard || !standard->contains("SSEAlgorithm")) return;
  row["ServerSideEncryption"] = standard->at("SSEAlgorithm");
  if (standard->contains("KMSMasterKeyID")) row["SSEKMSKeyId"] = standard->at("KMSMasterKeyID");
}

bool is_archived(const json::object& row) {
  const std::string storage = text(row, "StorageClass");
  return storage == "GLACIER" || storage == "DEEP_ARCHIVE";
}

Result<void> check_key(const json::object& input) {
  const std::string key = text(input, "Key");
  if (key.size() > key_bytes_max) return fail("KeyTooLongError", "Your key is too long");
  if (key.find('\0') != std::string::npos)
    return fail("InvalidArgument", "kiban keeps no keys with a zero byte");
  const std::string redirect = text(input, "WebsiteRedirectLocation", "/");
  if (!redirect.starts_with('/') && !redirect.starts_with("http://") &&
      !redirect.starts_with("https://"))
    return fail("InvalidRedirectLocation",
                "The website redirect location must have a prefix of 'http://' or 'https://' or "
                "'/'.");
  if (input.contains("SSEKMSKeyId") && !text(input, "ServerSideEncryption").starts_with("aws:kms"))
    return fail("InvalidArgument",
                "Server Side Encryption with AWS KMS managed key requires HTTP header "
                "x-amz-server-side-encryption : aws:kms");
  for (const std::string_view other : {"OUTPOSTS", "SNOW", "EXPRESS_ONEZONE", "FSX_OPENZFS",
                                       "FSX_ONTAP"})  // Of other kinds of buckets.
    if (text(input, "StorageClass") == other)
      return fail("InvalidStorageClass", "The storage class you specified is not valid");
  // They become headers of a reply: with a line break they would be more than one.
  for (const KeptMember& member : kept_members) {
    const json::string* value = find_string(input, member.name);
    if (value && has_control(*value)) return unprintable_header();
  }
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
  constexpr std::size_t metadata_bytes_max = 2'048;
  if (const json::object* metadata = find_object(input, "Metadata")) {
    std::size_t bytes = 0;
    for (const auto& [name, value] : *metadata) {
      bytes += name.size() + value.as_string().size();
      if (!is_header_name(name) || has_control(value.as_string())) return unprintable_header();
    }
    if (bytes > metadata_bytes_max)
      return fail("MetadataTooLarge",
                  "Your metadata headers exceed the maximum allowed metadata size");
  }
  return {};
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
Result<void> check_write_conditions(const Context& context, const json::object& input) {
  const auto old = get_json(context, object_key(text(input, "Bucket"), text(input, "Key")));
  if (text(input, "IfNoneMatch", "*") != "*")
    return fail("NotImplemented",
                "A header you provided implies functionality that is not implemented");
  if (input.contains("IfNoneMatch") && input.contains("IfMatch"))
    return fail("NotImplemented",
                "A header you provided implies functionality that is not implemented");
  if (input.contains("IfNoneMatch") && old) return precondition_failed();
  if (!input.contains("IfMatch")) return {};
  if (!old) return fail("NoSuchKey", "The specified key does not exist.");
  if (!one_of(text(input, "IfMatch"), text(*old, "ETag"))) return precondition_failed();
  return {};
}

// 304 and 412: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
Result<void> check_read_conditions(const json::object& row, const json::object& input,
                                   std::string_view prefix) {
  const std::string etag = text(row, "ETag");
  const double modified = std::floor(row.at("LastModified").to_number<double>());
  const auto name = [&](std::string_view member) { return fmt::format("{}{}", prefix, member); };
  const auto has = [&](std::string_view member) { return input.contains(name(member)); };
  const auto matches = [&](std::string_view member) {
    return one_of(text(input, name(member)), etag);
  };
  const auto time = [&](std::string_view member) {
    return input.at(name(member)).to_number<double>();
  };
  if (has("IfMatch") ? !matches("IfMatch")
                     : has("IfUnmodifiedSince") && modified > time("IfUnmodifiedSince"))
    return precondition_failed();
  const bool same = has("IfNoneMatch")
                        ? matches("IfNoneMatch")
                        : has("IfModifiedSince") && modified <= time("IfModifiedSince");
  if (!same) return {};
  if (!prefix.empty()) return precondition_failed();  // A copy has no 304.
  return fail("NotModified", "Not Modified");
}

const CheckedTable& object_operations() {
  static const CheckedTable table = {
      {"DeleteObject",
       {delete_object,
        "Bucket Key VersionId RequestPayer ExpectedBucketOwner IfMatch "
        "BypassGovernanceRetention"}},
      {"DeleteObjects",
       {delete_objects,
        "Bucket Delete RequestPayer ExpectedBucketOwner ChecksumAlgorithm "
        "BypassGovernanceRetention"}},
      {"GetObject",
       {get_object,
        "Bucket Key VersionId Range PartNumber IfMatch IfNoneMatch IfModifiedSince "
        "IfUnmodifiedSince ResponseCacheControl ResponseContentDisposition "
        "ResponseContentEncoding ResponseContentLanguage ResponseContentType ResponseExpires "
        "ChecksumMode RequestPayer ExpectedBucketOwner"}},
      {"GetObjectAttributes",
       {get_attributes, "Bucket Key VersionId ObjectAttributes RequestPayer ExpectedBucketOwner"}},
      {"HeadObject",
       {head_object,
        "Bucket Key VersionId Range PartNumber IfMatch IfNoneMatch IfModifiedSince "
        "IfUnmodifiedSince ResponseCacheControl ResponseContentDisposition "
        "ResponseContentEncoding ResponseContentLanguage ResponseContentType ResponseExpires "
        "ChecksumMode RequestPayer ExpectedBucketOwner"}},
      {"PutObject",
       {put_object,
        "ACL Body Bucket BucketKeyEnabled CacheControl ChecksumAlgorithm ChecksumCRC32 "
        "ChecksumCRC32C ChecksumCRC64NVME ChecksumSHA1 ChecksumSHA256 ContentDisposition "
        "ContentEncoding ContentLanguage ContentLength ContentMD5 ContentType Expires "
        "ExpectedBucketOwner IfMatch IfNoneMatch Key Metadata RequestPayer SSEKMSKeyId "
        "ServerSideEncryption StorageClass Tagging WebsiteRedirectLocation"}},
  };
  return table;
}

}  // namespace kiban::services::s3
