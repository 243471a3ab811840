#include "runtime/mailbox.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/keys.h"
#include "runtime/mail_message.h"
#include "store/blobs.h"

namespace kiban::runtime {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view suffix = ".eml";

}  // namespace

Result<std::unique_ptr<Mailbox>> Mailbox::open(std::string directory) {
  std::unique_ptr<Mailbox> made{new Mailbox(std::move(directory))};
  std::error_code error;
  if (made->directory_.empty() || !fs::exists(made->directory_, error)) return made;
  for (const fs::directory_entry& file : fs::directory_iterator{made->directory_, error}) {
    const std::string name = file.path().filename().string();
    const std::size_t dash = name.find('-');
    std::uint64_t number = 0;
    if (!name.ends_with(suffix) || dash == std::string::npos) continue;
    const auto [stop, wrong] = std::from_chars(name.data(), name.data() + dash, number);
    if (wrong != std::errc{} || stop != name.data() + dash) continue;
    Entry entry{.key = name.substr(dash + 1, name.size() - dash - 1 - suffix.size())};
    std::error_code unreadable;
    const auto size = fs::file_size(file.path(), unreadable);
    entry.bytes = unreadable ? 0 : size;
    made->bytes_ += entry.bytes;
    made->entries_.insert_or_assign(number, std::move(entry));
  }
  if (error)
    return fail("MailboxUnusable",
                fmt::format("{} can't be read: {}", made->directory_, error.message()));
  return made;
}

std::string Mailbox::path_of(std::uint64_t number, const Entry& entry) const {
  return fmt::format("{}/{:06}-{}{}", directory_, number, entry.key, suffix);
}

std::optional<std::string> Mailbox::text_of(std::uint64_t number, const Entry& entry) const {
  if (directory_.empty()) return entry.text;
  std::ifstream in{path_of(number, entry), std::ios::binary};
  if (!in) return std::nullopt;  // The user removed it.
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

Result<void> Mailbox::add(std::string_view id, std::string_view text) {
  const std::scoped_lock lock{mutex_};
  Entry entry{.key = store::sha256_hex(id).substr(0, 16), .bytes = text.size()};
  if (std::ranges::any_of(entries_, [&](const auto& each) { return each.second.key == entry.key; }))
    return {};
  const std::uint64_t number = entries_.empty() ? 1 : entries_.rbegin()->first + 1;
  if (directory_.empty()) {
    entry.text = text;
  } else {
    std::error_code error;
    fs::create_directories(directory_, error);
    if (error) return fail("MailboxUnusable", fmt::format("{}: {}", directory_, error.message()));
    fs::permissions(directory_, fs::perms::owner_all, error);
    KIBAN_TRY_VOID(write_private(path_of(number, entry), text));
  }
  bytes_ += entry.bytes;
  entries_.emplace(number, std::move(entry));
  remove_oldest();
  return {};
}

void Mailbox::remove_oldest() {
  while (entries_.size() > mailbox_mails_max ||
         (bytes_ > mailbox_bytes_max && entries_.size() > 1)) {
    const auto oldest = entries_.begin();
    std::error_code ignored;  // The user may have removed it.
    if (!directory_.empty()) fs::remove(path_of(oldest->first, oldest->second), ignored);
    bytes_ -= oldest->second.bytes;
    entries_.erase(oldest);
  }
}

json::array Mailbox::list() const {
  const std::scoped_lock lock{mutex_};
  json::array out;
  for (const auto& [number, entry] : entries_)
    if (const auto text = text_of(number, entry)) out.push_back(mail_summary(number, *text));
  return out;
}

std::optional<std::string> Mailbox::read(std::uint64_t number) const {
  const std::scoped_lock lock{mutex_};
  const auto found = entries_.find(number);
  if (found == entries_.end()) return std::nullopt;
  return text_of(number, found->second);
}

json::object mail_summary(std::uint64_t number, std::string_view text) {
  const Mail mail = read_mail(text);
  return {{"number", number},
          {"date", format_iso8601(mail.date)},
          {"from", mail.from_address},
          {"to", mail.to},
          {"subject", mail.subject}};
}

}  // namespace kiban::runtime
