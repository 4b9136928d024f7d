package assign

import "math"

// network is a directed graph with capacities and costs, without a circle of negative cost. [network.run] finds the
// largest flow of least cost: shortest paths by Bellman and Ford give the edges that may be used, blocking flows by Dinic
// fill them, until nothing more gets through.
type network struct {
	edges []edge  // the reverse of edge i is edge i^1
	out   [][]int // edges by node
	dist  []int64
	next  []int // the first edge of each node that is not exhausted in this round
	path  []bool
}

type edge struct {
	to, room int // room: what still fits
	cost     int64
}

const unreachable = math.MaxInt64

func newNetwork(nodes int) *network {
	return &network{out: make([][]int, nodes), dist: make([]int64, nodes), next: make([]int, nodes), path: make([]bool, nodes)}
}

// add adds an edge and returns its number.
func (n *network) add(from, to, capacity int, cost int64) int {
	i := len(n.edges)
	n.edges = append(n.edges, edge{to, capacity, cost}, edge{from, 0, -cost})
	n.out[from] = append(n.out[from], i)
	n.out[to] = append(n.out[to], i+1)
	return i
}

// flow is what goes through an edge.
func (n *network) flow(number int) int { return n.edges[number^1].room }

func (n *network) run(source, sink int) {
	for n.distances(source); n.dist[sink] != unreachable; n.distances(source) {
		clear(n.next)
		for n.push(source, sink, math.MaxInt) > 0 {
		}
	}
}

// distances finds the cost of the cheapest way to each node over edges with room.
func (n *network) distances(source int) {
	for i := range n.dist {
		n.dist[i] = unreachable
	}
	n.dist[source] = 0
	queue, queued := []int{source}, make([]bool, len(n.dist))
	for len(queue) > 0 {
		v := queue[0]
		queue, queued[v] = queue[1:], false
		for _, i := range n.out[v] {
			e := n.edges[i]
			if e.room == 0 || n.dist[v]+e.cost >= n.dist[e.to] {
				continue
			}
			n.dist[e.to] = n.dist[v] + e.cost
			if !queued[e.to] {
				queue, queued[e.to] = append(queue, e.to), true
			}
		}
	}
}

// push sends up to limit from a node to the sink over edges of cheapest ways, and returns how much arrived.
func (n *network) push(from, sink, limit int) (sent int) {
	if from == sink {
		return limit
	}
	n.path[from] = true // edges of cost 0 may form circles
	for ; n.next[from] < len(n.out[from]); n.next[from]++ {
		i := n.out[from][n.next[from]]
		e := &n.edges[i]
		if e.room == 0 || n.path[e.to] || n.dist[e.to] != n.dist[from]+e.cost {
			continue
		}
		through := n.push(e.to, sink, min(limit-sent, e.room))
		e.room -= through
		n.edges[i^1].room += through
		if sent += through; sent == limit {
			break
		}
	}
	n.path[from] = false
	return sent
}
