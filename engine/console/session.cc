#include "console/session.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "store/blobs.h"

namespace kiban::console {
namespace {

std::string hmac_hex(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  ::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace

Sessions::Sessions(std::string_view secret, std::function<std::string()> random_hex)
    : key_(hmac_hex(secret, "kiban console session")),
      cookie_name_("kiban-console-" + hmac_hex(secret, "kiban console cookie").substr(0, 8)),
      random_hex_(std::move(random_hex)) {}

std::string Sessions::sign(std::string_view text) const { return hmac_hex(key_, text); }

std::string Sessions::issue_link(Timestamp now) {
  std::erase_if(links_, [now](const auto& link) { return link.second <= now; });
  while (links_.size() >= links_max)
    links_.erase(
        std::ranges::min_element(links_, {}, [](const auto& link) { return link.second; }));
  std::string code = random_hex_();
  links_[store::sha256_hex(code)] = now + link_lifetime;
  return code;
}

Result<std::string> Sessions::redeem(const std::string& code, Timestamp now) {
  const auto link = links_.find(store::sha256_hex(code));
  const bool good = link != links_.end() && now < link->second;
  if (link != links_.end()) links_.erase(link);
  if (!good)
    return fail("LinkUsed",
                "This link was used before, or has expired. 'kiban console' prints another.");
  const Timestamp ends = now + session_lifetime;
  const std::string text =
      fmt::format("{}.{}", ends.time_since_epoch().count(), random_hex_().substr(0, 32));
  return fmt::format("{}.{}", text, sign(text));
}

bool Sessions::is_valid(std::string_view token, Timestamp now) const {
  const std::size_t dot = token.rfind('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view text = token.substr(0, dot);
  const std::string_view given = token.substr(dot + 1);
  const std::string wanted = sign(text);
  if (given.size() != wanted.size() ||
      ::CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) != 0)
    return false;
  std::int64_t ends = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), ends);
  return error == std::errc{} && *stop == '.' && now < Timestamp{Duration{ends}};
}

}  // namespace kiban::console
