#include "services/states/item_reader.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/exact_json.h"
#include "core/utf8.h"
#include "services/base/table_service.h"

namespace kiban::services::states {
namespace {

std::unexpected<Error> failed(std::string cause) {
  return fail("States.ItemReaderFailed", std::move(cause));
}

// Documented bounds of a header list; a field is bounded by what an execution's input may hold.
constexpr std::size_t headers_bytes_max = 10'240;

// Our own bound: each value takes memory many times its size in the object.
constexpr std::size_t values_max = 10'000'000;

std::unexpected<Error> too_many() {
  return failed(fmt::format("kiban reads at most {} values of an object", values_max));
}

// How many values the text may hold at most, by what separates or opens them.
bool may_hold_too_many(std::string_view text, char delimiter) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [&](char c) {
           return c == delimiter || c == '\n' || c == '\r' || c == '[' || c == '{';
         })) > values_max;
}

Result<char> delimiter_of(const json::object& config) {
  const std::string name = text(config, "CSVDelimiter", "COMMA");
  if (name == "COMMA") return ',';
  if (name == "PIPE") return '|';
  if (name == "SEMICOLON") return ';';
  if (name == "SPACE") return ' ';
  if (name == "TAB") return '\t';
  return failed(
      fmt::format("CSVDelimiter must be COMMA, PIPE, SEMICOLON, SPACE or TAB, not {}", name));
}

std::string_view without_mark(std::string_view text) {  // Of a byte order.
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  if (text.starts_with(mark)) text.remove_prefix(mark.size());
  return text;
}

Result<json::value> parse_table(std::string_view bytes, const json::object& config) {
  KIBAN_TRY(const char delimiter, delimiter_of(config));
  if (may_hold_too_many(bytes, delimiter)) return too_many();
  const std::string repaired = is_utf8(bytes) ? std::string() : to_utf8(bytes);
  KIBAN_TRY(auto records, parse_csv(repaired.empty() ? bytes : repaired, delimiter));
  std::vector<std::string> headers;
  std::size_t first = 0;
  if (text(config, "CSVHeaderLocation") == "GIVEN") {
    const json::array* given = find_array(config, "CSVHeaders");
    if (!given) return failed("CSVHeaderLocation GIVEN needs CSVHeaders");
    for (const json::value& header : *given) {
      if (!header.is_string()) return failed("CSVHeaders must be strings");
      headers.push_back(to_string(header.get_string()));
    }
  } else {
    if (records.empty()) return failed("The CSV has no row of headers");
    headers = records[0];
    first = 1;
  }
  std::size_t size = 0;
  for (const std::string& header : headers) size += header.size();
  if (size > headers_bytes_max) return failed("The headers of a CSV hold at most 10 KB");
  if (records.size() * headers.size() > values_max) return too_many();
  json::array items;
  for (std::size_t i = first; i < records.size(); ++i) {
    // What a row has too few of is empty, too many are dropped. Recorded by AWS:
    // test_map_item_reader_base_csv_headers_first_line.
    json::object item;
    for (std::size_t field = 0; field < headers.size(); ++field)
      item[headers[field]] = field < records[i].size() ? records[i][field] : std::string();
    items.push_back(std::move(item));
  }
  return json::value(std::move(items));
}

Result<json::value> parse_lines(std::string_view bytes) {
  if (may_hold_too_many(bytes, ',')) return too_many();
  json::array items;
  std::size_t number = 0;
  while (!bytes.empty()) {
    ++number;
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto item = parse_json_exactly(line);
    if (!item) return failed(fmt::format("Line {} is no JSON: {}", number, item.error().cause));
    items.push_back(*std::move(item));
  }
  return json::value(std::move(items));
}

Result<json::value> parse_document(std::string_view bytes, const json::object& config) {
  if (may_hold_too_many(bytes, ',')) return too_many();
  auto document = parse_json_exactly(bytes);
  if (!document) return failed(fmt::format("The object is no JSON: {}", document.error().cause));
  boost::system::error_code ignored;
  const std::string pointer = text(config, "ItemsPointer");
  const json::value* found = document->find_pointer(pointer, ignored);  // "" is the document.
  if (!found) return failed(fmt::format("ItemsPointer {} points to nothing", pointer));
  if (!found->is_array() && !found->is_object())
    return failed("Attempting to map over non-iterable node.");
  return *found;
}

constexpr std::size_t unpacked_bytes_max = 1UL << 30U;

// Gzip members one behind the other, as programs that append make them.
class Inflater {
 public:
  explicit Inflater(std::string& packed) : stream_() {
    stream_.next_in = reinterpret_cast<Bytef*>(packed.data());
    left_ = packed.size();
    constexpr int gzip_window = 15 + 16;  // zlib.h: the largest window, with gzip's header.
    good_ = ::inflateInit2(&stream_, gzip_window) == Z_OK;
  }
  ~Inflater() { ::inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Result<void> all(std::string& out) {
    std::string piece(256UL * 1024, '\0');
    while (good_) {
      feed();
      stream_.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream_.avail_out = static_cast<uInt>(piece.size());
      const int state = ::inflate(&stream_, Z_NO_FLUSH);
      const std::size_t got = piece.size() - stream_.avail_out;
      if (out.size() + got > unpacked_bytes_max)
        return failed("kiban unpacks objects to at most one gibibyte");
      out.append(piece, 0, got);
      if (state == Z_STREAM_END) {
        if (left_ + stream_.avail_in == 0) return {};
        good_ = ::inflateReset(&stream_) == Z_OK;
      } else {
        good_ = state == Z_OK;
      }
    }
    return failed("The gzip of the object is broken");
  }

 private:
  void feed() {
    if (stream_.avail_in != 0) return;
    constexpr std::size_t most = 1UL << 30U;
    stream_.avail_in = static_cast<uInt>(std::min(left_, most));
    left_ -= stream_.avail_in;
  }

  z_stream stream_;
  std::size_t left_{0};  // Behind what the stream was given.
  bool good_{false};
};

// Frames of Zstandard, one behind the other.
Result<std::string> unpack_zstd(std::string_view packed) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> zstd{::ZSTD_createDCtx(),
                                                                     ::ZSTD_freeDCtx};
  std::string out;
  std::string piece(256UL * 1024, '\0');
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::size_t state = 0;  // 0: a frame ended.
  bool more = true;
  while (more) {
    ZSTD_outBuffer got{piece.data(), piece.size(), 0};
    state = ::ZSTD_decompressStream(zstd.get(), &got, &in);
    if (::ZSTD_isError(state) != 0) return failed("The Zstandard frame of the object is broken");
    if (out.size() + got.pos > unpacked_bytes_max)
      return failed("kiban unpacks objects to at most one gibibyte");
    out.append(piece, 0, got.pos);
    more = in.pos < in.size || got.pos == got.size;
  }
  if (state != 0) return failed("The Zstandard frame of the object is broken");
  return out;
}

}  // namespace

// https://docs.aws.amazon.com/step-functions/latest/dg/example-csv-parse-dist-map.html
Result<std::vector<std::vector<std::string>>> parse_csv(std::string_view text, char delimiter) {
  std::vector<std::vector<std::string>> records;
  std::vector<std::string> record;
  std::string field;
  bool quoted = false;
  bool was_quoted = false;
  const auto end_field = [&] {
    record.push_back(std::move(field));
    field.clear();
    was_quoted = false;
  };
  const auto end_record = [&] {
    if (record.empty() && field.empty() && !was_quoted) return;  // An empty line.
    end_field();
    records.push_back(std::move(record));
    record.clear();
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      // "A backslash followed by any other character is silently removed", within quotes too.
      if (++at < text.size()) field += text[at];
    } else if (c == '"' && at + 1 < text.size() && text[at + 1] == '"' &&
               (quoted || !field.empty())) {
      field += '"';  // A doubled quotation mark is one, in plain fields as well.
      ++at;
    } else if (quoted) {
      if (c == '"')
        quoted = false;
      else
        field += c;
    } else if (c == '"' && field.empty() && !was_quoted) {
      quoted = was_quoted = true;
    } else if (c == delimiter) {
      end_field();
    } else if (c == '\n' || c == '\r') {
      if (c == '\r' && at + 1 < text.size() && text[at + 1] == '\n') ++at;
      end_record();
    } else {
      field += c;
    }
  }
  if (quoted) return failed("A quoted field of the CSV does not end");
  end_record();
  return records;
}

Result<std::string> unpack(std::string bytes) {
  constexpr std::string_view gzip = "\x1F\x8B";
  constexpr std::string_view zstd = "\x28\xB5\x2F\xFD";
  if (bytes.starts_with(zstd)) return unpack_zstd(bytes);
  if (!bytes.starts_with(gzip)) return bytes;
  Inflater inflater{bytes};
  std::string out;
  KIBAN_TRY_VOID(inflater.all(out));
  return out;
}

Result<json::value> parse_items(std::string_view bytes, const json::object& config) {
  bytes = without_mark(bytes);
  const std::string type = text(config, "InputType", "JSON");
  if (type == "CSV") return parse_table(bytes, config);
  if (type == "JSONL") return parse_lines(bytes);
  if (type == "JSON") return parse_document(bytes, config);
  if (type == "PARQUET")
    return failed("kiban does not read the InputType PARQUET. Use JSON, JSONL, CSV or a manifest");
  return failed(
      fmt::format("InputType must be JSON, JSONL, CSV, PARQUET or MANIFEST, not {}", type));
}

}  // namespace kiban::services::states
