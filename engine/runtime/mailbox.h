// Mails that no SMTP server takes: a folder of .eml files, or memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace kiban::runtime {

// At most so many mails, and bytes in all; the oldest are removed.
constexpr std::size_t mailbox_mails_max = 1'000;
constexpr std::size_t mailbox_bytes_max = 64UL * 1024 * 1024;

class Mailbox {
 public:
  // `directory` holds files NUMBER-KEY.eml, KEY being what add() was given, hashed; it is made when
  // the first mail comes. Empty: the mails are in memory. Error `MailboxUnusable`.
  static Result<std::unique_ptr<Mailbox>> open(std::string directory);

  // Keeps a mail (mail_message.h); one of the same id is kept once. From any thread.
  Result<void> add(std::string_view id, std::string_view text);
  // [{"number", "date", "from", "to", "subject"}], the oldest first. From any thread.
  json::array list() const;
  // The text of a mail. From any thread.
  std::optional<std::string> read(std::uint64_t number) const;

 private:
  struct Entry {
    std::string key{};
    std::string text{};  // In memory only.
    std::size_t bytes{0};
  };
  explicit Mailbox(std::string directory) : directory_(std::move(directory)) {}
  std::string path_of(std::uint64_t number, const Entry& entry) const;
  std::optional<std::string> text_of(std::uint64_t number, const Entry& entry) const;
  void remove_oldest();

  std::string directory_;
  mutable std::mutex mutex_{};
  std::map<std::uint64_t, Entry> entries_{};
  std::size_t bytes_{0};
};

// {"number", "date", "from", "to", "subject"} of a mail's text.
json::object mail_summary(std::uint64_t number, std::string_view text);

}  // namespace kiban::runtime
