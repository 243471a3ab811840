// Copies of objects, and parts that are copied. Bytes are shared, never written again; they are
// read only for an MD5 or a checksum that is not known.
#include "services/s3/copies.h"

#include <fmt/format.h>

#include <charconv>

#include "api/codec.h"
#include "services/s3/configurations.h"
#include "services/s3/content.h"
#include "services/s3/rows.h"

namespace kiban::services::s3 {
namespace {

// CopySource: "/bucket/key" or "bucket/key", percent-encoded, perhaps with ?versionId=…
Result<json::object> source_row(const Context& context, const json::object& input) {
  constexpr std::string_view version = "?versionId=";
  std::string given = text(input, "CopySource");
  json::object source;
  if (const std::size_t at = given.rfind(version); at != std::string::npos) {
    source["VersionId"] = given.substr(at + version.size());
    given.erase(at);
  }
  const std::string decoded = api::decode_uri(given).value_or("");
  const std::size_t start = decoded.starts_with('/') ? 1 : 0;
  const std::size_t slash = decoded.find('/', start);
  if (slash == std::string::npos)
    return fail("InvalidArgument",
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
  source["Bucket"] = decoded.substr(start, slash - start);
  source["Key"] = decoded.substr(slash + 1);
  if (input.contains("ExpectedSourceBucketOwner"))
    source["ExpectedBucketOwner"] = input.at("ExpectedSourceBucketOwner");
  KIBAN_TRY(json::object row, load_object(context, source, Signed::Anywhere));
  if (is_archived(row))
    return fail("ObjectNotInActiveTierError",
                "The source object of the COPY action is not in the active tier and is only stored "
                "in Amazon S3 Glacier.");
  KIBAN_TRY_VOID(check_read_conditions(row, input, "CopySource"));
  row["Bucket"] = source.at("Bucket");
  return row;
}

// Of the whole object: what its row knows of the bytes.
Content known_content(const json::object& row) {
  Content content{.pieces = pieces_of(row), .size = number(row, "Size", 0)};
  const std::string etag = text(row, "ETag");
  if (etag.size() == 34) content.md5 = etag.substr(1, 32);  // Of a multipart object it is none.
  if (const json::object* checksum = find_object(row, "Checksum");
      checksum && text(row, "ChecksumType", "FULL_OBJECT") == "FULL_OBJECT")
    content.checksums = *checksum;
  return content;
}

std::string first_name(const json::object& row) {
  const json::object* checksum = find_object(row, "Checksum");
  return checksum && !checksum->empty() ? std::string(checksum->begin()->key()) : std::string();
}

Result<json::object> copy_object(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  KIBAN_TRY_VOID(check_key(input));
  KIBAN_TRY_VOID(check_acl(bucket, input));
  KIBAN_TRY_VOID(check_write_conditions(context, input));
  KIBAN_TRY(const Source source, copy_source(context, input));
  json::object row = source.row;
  row.erase("SSEKMSKeyId");
  if (!input.contains("ServerSideEncryption")) encrypt_by_default(bucket, row);
  const bool replace = text(input, "MetadataDirective", "COPY") == "REPLACE";
  bool changed = replace;
  for (const KeptMember& member : kept_members) {
    if (replace && member.replaced) row.erase(member.name);
    if (!input.contains(member.name) || (!replace && member.replaced)) continue;
    row[member.name] = input.at(member.name);
    changed = true;
  }
  if (!changed && text(source.row, "Bucket") == text(bucket, "Name") &&
      text(source.row, "Key") == text(input, "Key") &&
      text(input, "CopySource").find("?versionId=") == std::string::npos)
    return fail("InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself "
                "without changing the object's metadata, storage class, website redirect location "
                "or encryption attributes.");
  if (text(input, "TaggingDirective", "COPY") == "REPLACE") {
    KIBAN_TRY(json::array tags, read_tagging_header(text(input, "Tagging")));
    row["Tags"] = std::move(tags);
  }
  // An ACL is never copied.
  for (const std::string_view gone :
       {"Bucket", "Parts", "ChecksumType", "ACL", "AccessControlPolicy"})
    row.erase(gone);
  if (input.contains("ACL")) row["ACL"] = input.at("ACL");
  const std::string_view name = api::name_of(source.kind);
  row["Key"] = input.at("Key");
  row["LastModified"] = now_seconds(context);
  row["ETag"] = fmt::format("\"{}\"", source.content.md5);
  row["Checksum"] = {{name, text(source.content.checksums, name)}};
  set_pieces(row, source.content.pieces);
  json::object result{{"ETag", row.at("ETag")}, {"LastModified", row.at("LastModified")}};
  show_checksum(row, result);
  json::object out = write_object(context, bucket, row, {"ObjectCreated:Copy", "CopyObject"});
  out["CopyObjectResult"] = std::move(result);
  out["ServerSideEncryption"] = text(row, "ServerSideEncryption", "AES256");
  if (source.row.contains("VersionId")) out["CopySourceVersionId"] = source.row.at("VersionId");
  return out;
}

// CopySourceRange: bytes=first-last, both given and inside.
Result<void> cut(Content& content, const json::object& input) {
  const std::string range = text(input, "CopySourceRange");
  if (range.empty()) return {};
  constexpr std::string_view unit = "bytes=";
  const std::size_t dash = range.find('-');
  const bool formed = range.starts_with(unit) && dash != std::string::npos;
  const auto offset = [&](std::size_t from, std::size_t to) -> std::int64_t {
    std::int64_t value = -1;
    const char* const end = range.data() + to;
    const auto [stop, code] = std::from_chars(range.data() + from, end, value);
    return code == std::errc() && stop == end ? value : -1;
  };
  const std::int64_t first = formed ? offset(unit.size(), dash) : -1;
  const std::int64_t last = formed ? offset(dash + 1, range.size()) : -1;
  if (first < 0 || first > last)
    return fail("InvalidArgument",
                "The x-amz-copy-source-range value must be of the form bytes=first-last where "
                "first and last are the zero-based offsets of the first and last bytes to copy");
  if (last >= content.size)
    return fail("InvalidRequest", fmt::format("Range specified is not valid for source object of "
                                              "size: {}",
                                              content.size));
  if (first == 0 && last == content.size - 1) return {};
  content = {.pieces = cut_pieces(content.pieces, first, last - first + 1),
             .size = last - first + 1};
  return {};
}

// Not AWS's: what a copy is about to read, so that the shell can take its digests beforehand and
// give them as Body. {"Pieces", "Size", "Md5", "Checksums", "Algorithm"}.
Result<json::object> describe_source(Context& context, const json::object& input) {
  KIBAN_TRY(const Source source, find_source(context, input));
  json::object out{{"Pieces", source.content.pieces},
                   {"Size", source.content.size},
                   {"Checksums", source.content.checksums},
                   {"Algorithm", api::name_of(source.kind)}};
  if (!source.content.md5.empty()) out["Md5"] = source.content.md5;
  return out;
}

}  // namespace

Result<Source> find_source(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, source_row(context, input));
  Source source{.content = known_content(row)};
  KIBAN_TRY_VOID(cut(source.content, input));
  if (source.content.size > put_bytes_max)
    return fail("InvalidRequest",
                fmt::format("The specified copy source is larger than the maximum allowable size "
                            "for a copy source: {}",
                            put_bytes_max));
  KIBAN_TRY(const Wanted wanted, wanted_checksum(input));
  std::string name = first_name(row);
  if (input.contains("UploadId")) {
    KIBAN_TRY(const json::object upload, load_upload(context, input));
    name = text(upload, "ChecksumAlgorithm");
  }
  source.kind =
      wanted.kind.value_or(api::find_checksum(name).value_or(api::ChecksumKind::Crc64nvme));
  source.row = std::move(row);
  return source;
}

Result<Source> copy_source(Context& context, const json::object& input) {
  KIBAN_TRY(Source source, find_source(context, input));
  if (input.contains("Body")) {
    KIBAN_TRY(source.content, read_content(context, input, source.kind));
  } else {
    KIBAN_TRY_VOID(complete_content(context, source.content, source.kind));
  }
  return source;
}

const CheckedTable& copy_operations() {
  static const CheckedTable table = {
      {"CopyObject",
       {copy_object,
        "ACL Body Bucket BucketKeyEnabled CacheControl ChecksumAlgorithm ContentDisposition "
        "ContentEncoding ContentLanguage ContentType CopySource CopySourceIfMatch "
        "CopySourceIfModifiedSince CopySourceIfNoneMatch CopySourceIfUnmodifiedSince Expires "
        "ExpectedBucketOwner ExpectedSourceBucketOwner IfMatch IfNoneMatch Key Metadata "
        "MetadataDirective RequestPayer SSEKMSKeyId ServerSideEncryption StorageClass Tagging "
        "TaggingDirective WebsiteRedirectLocation"}},
      {"kiban:CopySource",
       {describe_source,
        "ACL Bucket BucketKeyEnabled CacheControl ChecksumAlgorithm ContentDisposition "
        "ContentEncoding ContentLanguage ContentType CopySource CopySourceIfMatch "
        "CopySourceIfModifiedSince CopySourceIfNoneMatch CopySourceIfUnmodifiedSince "
        "CopySourceRange Expires ExpectedBucketOwner ExpectedSourceBucketOwner IfMatch "
        "IfNoneMatch Key Metadata MetadataDirective PartNumber RequestPayer SSEKMSKeyId "
        "ServerSideEncryption StorageClass Tagging TaggingDirective UploadId "
        "WebsiteRedirectLocation"}},
  };
  return table;
}

}  // namespace kiban::services::s3
