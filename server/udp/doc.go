// Package udp sends runs of packets to one destination with few system calls:
// by UDP segmentation offload (GSO), where the system has it.
package udp
