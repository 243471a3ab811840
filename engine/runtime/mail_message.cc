#include "runtime/mail_message.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "core/letters.h"
#include "core/mail_address.h"

namespace kiban::runtime {
namespace {

// RFC 5322, 2.1.1: a line has 998 characters at most.
constexpr std::size_t line_bytes_max = 998;
// RFC 2047, 2: an encoded word has 75 characters at most, so it holds 45 bytes in base64.
constexpr std::size_t word_bytes_max = 45;
constexpr std::string_view word_begin = "=?UTF-8?B?";
constexpr std::string_view word_end = "?=";

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string encode_base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string decode_base64(std::string_view text) {
  std::string packed;
  for (const char c : text)
    if (c > ' ') packed += c;
  std::string out(packed.size() / 4 * 3 + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(packed.data()),
                                   static_cast<int>(packed.size()));
  if (size < 0) return {};
  std::size_t padding = 0;
  while (padding < 2 && padding < packed.size() && packed[packed.size() - 1 - padding] == '=')
    ++padding;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

std::string one_line(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

// Text of a header: as it is, or in encoded words of RFC 2047.
std::string encode_words(std::string_view given) {
  const std::string text = one_line(given);
  if (is_ascii(text) && text.size() < line_bytes_max / 2 && text.find("=?") == std::string::npos)
    return text;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(at + word_bytes_max, text.size());
    while (end < text.size() && end > at + 1 &&
           (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      --end;
    out += fmt::format("{}{}{}{}", out.empty() ? "" : "\r\n ", word_begin,
                       encode_base64(text.substr(at, end - at)), word_end);
    at = end;
  }
  return out;
}

std::string decode_words(std::string_view text) {
  std::string out;
  bool after_word = false;
  while (!text.empty()) {
    const std::size_t begin = text.find(word_begin);
    const std::size_t end =
        begin == text.npos ? text.npos : text.find(word_end, begin + word_begin.size());
    if (end == text.npos) return out + std::string(text);
    const std::string_view between = text.substr(0, begin);
    if (!after_word || between.find_first_not_of(" \r\n\t") != between.npos) out += between;
    out += decode_base64(text.substr(begin + word_begin.size(), end - begin - word_begin.size()));
    text.remove_prefix(end + word_end.size());
    after_word = true;
  }
  return out;
}

// Can the body be sent as it is, by a server that knows 7-bit lines only?
bool is_plain(std::string_view body) {
  if (!is_ascii(body)) return false;
  std::size_t line = 0;
  for (const char c : body) {
    line = c == '\n' ? 0 : line + 1;
    if (line > line_bytes_max || c == '\r' || c == '\0') return false;
  }
  return true;
}

std::string with_line_ends(std::string_view body) {
  std::string out;
  for (const char c : body) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return out;
}

std::string in_lines(std::string_view text, std::size_t width) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += width)
    out += fmt::format("{}\r\n", text.substr(at, width));
  return out;
}

std::string format_date(Timestamp date) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(date.time_since_epoch()).count();
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} +0000", fmt::gmtime(seconds));
}

}  // namespace

Result<std::string> format_mail(const Mail& mail) {
  for (const std::string& address : {mail.from_address, mail.to})
    if (!is_mail_address(address))
      return fail("InvalidMail", fmt::format("'{}' is not a mail address", one_line(address)));
  const bool plain = is_plain(mail.body);
  std::string name = one_line(mail.from_name);
  std::erase_if(name, [](char c) { return c == '"' || c == '\\'; });
  if (is_ascii(name) && !name.empty())
    name = fmt::format("\"{}\" ", name);
  else if (!name.empty())
    name = encode_words(name) + " ";
  std::string out =
      fmt::format("From: {}<{}>\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\n", name, mail.from_address,
                  mail.to, encode_words(mail.subject), format_date(mail.date));
  out += fmt::format("Message-ID: <{}@{}>\r\n", one_line(mail.id),
                     mail.from_address.substr(mail.from_address.rfind('@') + 1));
  out += fmt::format(
      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n"
      "Content-Transfer-Encoding: {}\r\n\r\n",
      plain ? "7bit" : "base64");
  out += plain ? with_line_ends(mail.body) : in_lines(encode_base64(mail.body), 76);
  if (!out.ends_with("\r\n")) out += "\r\n";
  return out;
}

Mail read_mail(std::string_view text) {
  Mail mail;
  bool base64 = false;
  while (!text.empty()) {
    std::size_t end = text.find("\r\n");
    // A line that begins with a space goes on with the header before it.
    while (end != text.npos && end != 0 && end + 2 < text.size() && text[end + 2] == ' ')
      end = text.find("\r\n", end + 2);
    if (end == text.npos) return mail;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    if (line.empty()) break;
    const std::size_t colon = std::min(line.find(": "), line.size());
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = line.substr(std::min(colon + 2, line.size()));
    const std::size_t bracket = value.rfind('<');
    if (same_letters(name, "from") && bracket != value.npos) {
      mail.from_name = decode_words(value.substr(0, bracket));
      std::erase(mail.from_name, '"');
      while (mail.from_name.ends_with(' ')) mail.from_name.pop_back();
      mail.from_address = value.substr(bracket + 1, value.size() - bracket - 2);
    } else if (same_letters(name, "to")) {
      mail.to = value;
    } else if (same_letters(name, "subject")) {
      mail.subject = decode_words(value);
    } else if (same_letters(name, "message-id") && bracket != value.npos) {
      mail.id = value.substr(bracket + 1, value.rfind('@') - bracket - 1);
    } else if (same_letters(name, "date")) {
      std::tm parts{};
      if (::strptime(std::string(value).c_str(), "%a, %d %b %Y %H:%M:%S", &parts) != nullptr)
        mail.date = Timestamp{std::chrono::seconds{::timegm(&parts)}};
    } else if (same_letters(name, "content-transfer-encoding")) {
      base64 = value == "base64";
    }
  }
  if (base64) {
    mail.body = decode_base64(text);
  } else {
    for (const char c : text)
      if (c != '\r') mail.body += c;
  }
  return mail;
}

}  // namespace kiban::runtime
