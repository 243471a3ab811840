#include "containers/netlink.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "runtime/child.h"

namespace kiban::containers {
namespace {

// One request: a header, then attributes, which nest.
class Request {
 public:
  template <typename Head>
  Request(std::uint16_t type, int flags, const Head& head) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    append(header);
    append(head);
  }

  template <typename Value>
  void append(const Value& value) {
    append_bytes(std::as_bytes(std::span{&value, 1}));
  }
  void add(std::uint16_t type, std::span<const std::byte> value) {
    const std::size_t at = begin(type);
    append_bytes(value);
    end(at);
  }
  void add(std::uint16_t type, const std::string& value) {  // With its 0.
    add(type, std::as_bytes(std::span{value.c_str(), value.size() + 1}));
  }
  template <typename Value>
    requires std::is_arithmetic_v<Value>
  void add(std::uint16_t type, Value value) {
    add(type, std::as_bytes(std::span{&value, 1}));
  }

  // An attribute of attributes lies between begin() and end() of what begin() returned.
  std::size_t begin(std::uint16_t type) {
    const std::size_t at = bytes_.size();
    rtattr attribute{};
    attribute.rta_type = type;
    append(attribute);
    return at;
  }
  void end(std::size_t at) {
    const auto length = static_cast<std::uint16_t>(bytes_.size() - at);
    std::memcpy(bytes_.data() + at + offsetof(rtattr, rta_len), &length, sizeof length);
    bytes_.resize(RTA_ALIGN(bytes_.size()));
  }

  // Waits until the kernel has done it.
  Result<void> send(const std::string& what) {
    const auto length = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
    const runtime::Descriptor socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
    struct {
      nlmsghdr header;
      nlmsgerr error;
      std::array<char, 8192> rest;  // The request comes back with an error.
    } reply{};
    const bool answered =
        ::send(socket.number(), bytes_.data(), bytes_.size(), 0) >= 0 &&
        ::recv(socket.number(), &reply, sizeof reply, 0) >=
            static_cast<ssize_t>(sizeof reply.header + sizeof reply.error.error) &&
        reply.header.nlmsg_type == NLMSG_ERROR;
    const int error = answered ? -reply.error.error : errno;
    if (answered && error == 0) return {};
    return fail("ProgramFailed", fmt::format("{}: {}", what, std::strerror(error)));
  }

 private:
  void append_bytes(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  std::vector<std::byte> bytes_{};
};

in_addr address_of(const std::string& text) {
  in_addr address{};
  ::inet_pton(AF_INET, text.c_str(), &address);
  return address;
}

// To one host, by way of an interface.
Request route_request(std::uint16_t type, int flags, const std::string& destination,
                      const std::string& interface) {
  constexpr std::uint8_t host_bits = 32;
  rtmsg head{};
  head.rtm_family = AF_INET;
  head.rtm_dst_len = host_bits;
  head.rtm_table = RT_TABLE_MAIN;
  head.rtm_protocol = RTPROT_BOOT;
  head.rtm_scope = RT_SCOPE_LINK;
  head.rtm_type = RTN_UNICAST;
  Request request{type, flags, head};
  request.add(RTA_DST, address_of(destination).s_addr);
  request.add(RTA_OIF, ::if_nametoindex(interface.c_str()));
  return request;
}

}  // namespace

Result<void> add_veth(const Veth& veth) {
  ifinfomsg up{};
  up.ifi_flags = IFF_UP;
  up.ifi_change = IFF_UP;
  Request request{RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, up};
  request.add(IFLA_IFNAME, veth.name);
  request.add(IFLA_MASTER, ::if_nametoindex(veth.bridge.c_str()));
  const std::size_t info = request.begin(IFLA_LINKINFO);
  request.add(IFLA_INFO_KIND, std::string("veth"));
  const std::size_t data = request.begin(IFLA_INFO_DATA);
  const std::size_t peer = request.begin(VETH_INFO_PEER);
  request.append(ifinfomsg{});
  request.add(IFLA_IFNAME, std::string("eth0"));
  request.add(IFLA_ADDRESS, std::as_bytes(std::span{veth.peer_address}));
  request.add(IFLA_NET_NS_FD, veth.other_namespace);
  request.end(peer);
  request.end(data);
  request.end(info);
  return request.send("can't make the interface " + veth.name);
}

Result<void> delete_link(const std::string& name) {
  Request request{RTM_DELLINK, 0, ifinfomsg{}};
  request.add(IFLA_IFNAME, name);
  return request.send("can't remove the interface " + name);
}

Result<void> replace_route(const std::string& destination, const std::string& interface,
                           const std::string& source) {
  Request request =
      route_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, destination, interface);
  request.add(RTA_PREFSRC, address_of(source).s_addr);
  return request.send("can't make a route to " + destination);
}

Result<void> delete_route(const std::string& destination, const std::string& interface) {
  return route_request(RTM_DELROUTE, 0, destination, interface)
      .send("can't remove the route to " + destination);
}

}  // namespace kiban::containers
