#include "services/ec2/cidr.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>

namespace kiban::services::ec2 {
namespace {

std::uint32_t mask(int bits) { return bits == 0 ? 0U : ~std::uint32_t{0} << (32 - bits); }

// A decimal number of at most three digits up to `end`, which is taken along.
int take_number(std::string_view& text, char end, int max) {
  const std::size_t stop = end == '\0' ? text.size() : text.find(end);
  if (stop == std::string_view::npos || stop == 0 || stop > 3) return -1;
  int value = -1;
  const auto [at, error] = std::from_chars(text.data(), text.data() + stop, value);
  if (error != std::errc{} || at != text.data() + stop || value > max) return -1;
  text.remove_prefix(end == '\0' ? stop : stop + 1);
  return value;
}

}  // namespace

bool Cidr::contains(const Cidr& other) const {
  return other.bits >= bits && (other.address & mask(bits)) == address;
}

Result<Cidr> parse_cidr(std::string_view text, std::string_view parameter) {
  Cidr out;
  std::string_view rest = text;
  bool good = true;
  for (const char end : {'.', '.', '.', '/'}) {
    const int byte = good ? take_number(rest, end, 255) : -1;
    good = byte >= 0;
    out.address = (out.address << 8U) | static_cast<std::uint32_t>(byte & 255);
  }
  out.bits = good ? take_number(rest, '\0', 32) : -1;
  if (out.bits < 0) {
    return fail("InvalidParameterValue",
                fmt::format("Value ({}) for parameter {} is invalid. This is not a valid CIDR "
                            "block.",
                            text, parameter));
  }
  out.address &= mask(out.bits);
  return out;
}

Result<std::string> normalise_cidr6(std::string_view text, std::string_view parameter) {
  const std::size_t slash = text.find('/');
  std::array<unsigned char, 16> bytes{};
  int bits = -1;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const char* const end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, bits);
    const std::string address(text.substr(0, slash));
    if (error != std::errc{} || at != end ||
        inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1)
      bits = -1;
  }
  if (bits < 0 || bits > 128) {
    return fail("InvalidParameterValue",
                fmt::format("CIDR block {} is malformed (parameter {})", text, parameter));
  }
  for (int bit = bits; bit < 128; ++bit)
    bytes[static_cast<std::size_t>(bit / 8)] &= static_cast<unsigned char>(~(0x80 >> (bit % 8)));
  std::array<char, INET6_ADDRSTRLEN> shown{};
  inet_ntop(AF_INET6, bytes.data(), shown.data(), shown.size());
  return fmt::format("{}/{}", shown.data(), bits);
}

std::string print_address(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24U, (address >> 16U) & 255U, (address >> 8U) & 255U,
                     address & 255U);
}

std::string print_cidr(const Cidr& cidr) {
  return fmt::format("{}/{}", print_address(cidr.address), cidr.bits);
}

}  // namespace kiban::services::ec2
